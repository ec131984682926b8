use buttress_error::Classify;

#[derive(Classify)]
enum Wrong {
    #[classify(kind = TimeOut)]
    Misspelt,
    #[classify(kind = Forbidden)]
    Alias,
    #[classify(kind = Banana)]
    Nonsense,
    #[classify(kind = "Timeout")]
    Quoted,
    #[classify(kind = "not_found")]
    SnakeCase,
    #[classify(kind = Kind::Timeout)]
    Path,
    #[classify(kind = 14)]
    Number,
    #[classify(kind = Internal, retry = Always)]
    RetryAdvice,
    #[classify(kind = Timeout, retry = calls)]
    RetryMisspelt,
    #[classify(kind = Timeout, delivery = Unsent)]
    Delivery,
}

fn main() {}
