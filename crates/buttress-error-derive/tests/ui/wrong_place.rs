use buttress_error::Classify;

#[derive(Classify)]
enum Wrong {
    #[classify(kind = Internal)]
    Key(#[classify(kind = Timeout)] u8),
    #[classify(kind = Internal)]
    Unknown(#[classify(forwrad)] u8),
    #[classify(kind = Internal)]
    Value(#[classify(retry_after = 3)] std::time::Duration),
}

#[derive(Classify)]
#[classify(kind = Internal)]
union Union {
    a: u8,
}

fn main() {}
