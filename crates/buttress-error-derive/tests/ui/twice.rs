use buttress_error::Classify;

#[derive(Classify)]
#[classify(kind = Internal, kind = Timeout)]
struct OneAttribute;

#[derive(Classify)]
#[classify(kind = Internal, http = 500)]
#[classify(http = 503)]
struct TwoAttributes;

#[derive(Classify)]
enum Fields {
    #[classify(kind = Throttled, retry_after = wait)]
    KeyAndMark {
        wait: std::time::Duration,
        #[classify(retry_after)]
        other: std::time::Duration,
    },
    #[classify(kind = Throttled, retry_after = 5)]
    SecondsAndMark(#[classify(retry_after)] std::time::Duration),
    Marks(#[classify(forward)] std::io::Error, #[classify(forward)] std::io::Error),
}

fn main() {}
