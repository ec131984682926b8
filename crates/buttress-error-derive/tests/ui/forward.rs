use buttress_error::Classify;

use buttress_error::{Error, Rejection};

#[derive(Classify)]
enum Wrong {
    #[classify(forward, kind = Internal)]
    KindToo(Error),
    #[classify(kind = Internal)]
    KindAbove(#[classify(forward)] Error),
    #[classify(forward)]
    NoField,
    #[classify(forward)]
    Which(Error, Rejection),
    #[classify(forward, retry = Call)]
    RetryAdvice(Error),
}

#[derive(Classify)]
#[classify(kind = Internal, forward)]
enum Both {
    Variant(Error),
}

fn main() {}
