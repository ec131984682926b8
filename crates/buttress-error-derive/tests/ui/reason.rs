use buttress_error::Classify;

#[derive(Classify)]
#[classify(kind = Internal)]
enum Wrong {
    #[classify(reason = "card-declined")]
    Kebab,
    #[classify(reason = "Card declined!")]
    Words,
    #[classify(reason = "CARD__DECLINED_")]
    Underscores,
    #[classify(reason = "")]
    Empty,
    #[classify(reason = "3DS_FAILED")]
    Digit,
    #[classify(reason = "ÜBER")]
    NotAscii,
    #[classify(reason = "A123456789_123456789_123456789_123456789_123456789_123456789_123")]
    TooLong,
    #[classify(reason = CARD_DECLINED)]
    NotAString,
    #[classify(domain = "")]
    NoDomain,
    #[classify(domain = "pay ments")]
    TwoWords,
}

fn main() {}
