use buttress_error::Classify;

#[derive(Classify)]
enum Wrong {
    #[classify(kind = Internal, retry = Call)]
    Internal,
    #[classify(kind = InvalidArgument, retry = Operation)]
    InvalidArgument,
    #[classify(kind = Config, retry = AfterRemedy)]
    Config,
}

#[derive(Classify)]
#[classify(retry = Call)]
enum ByDefault {
    #[classify(kind = Panic)]
    Panic,
    #[classify(kind = DataLoss, retry = Never)]
    DataLoss,
}

fn main() {}
