use buttress_error::Classify;

#[derive(Classify)]
#[classify(kind = Internal)]
enum Wrong {
    #[classify(http = 200)]
    Success,
    #[classify(http = 399)]
    Redirect,
    #[classify(http = 600)]
    TooHigh,
    #[classify(http = "404")]
    Quoted,
    #[classify(http = -404)]
    Negative,
    #[classify(http = 99999)]
    TooLarge,
    #[classify(exit = 0)]
    ExitOfSuccess,
    #[classify(exit = 256)]
    ExitTooHigh,
    #[classify(retry_after = 0.5)]
    Half,
    #[classify(retry_after = "5s")]
    Text,
    #[classify(retry_after = wait)]
    NoSuchField { after: std::time::Duration },
    #[classify(public = "yes")]
    Public,
    #[classify(forward = source)]
    Forward { source: std::io::Error },
}

fn main() {}
