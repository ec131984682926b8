use buttress_error::Classify;

#[derive(Classify)]
#[classify(kind)]
struct NoValue;

#[derive(Classify)]
#[classify(kind = )]
struct Blank;

#[derive(Classify)]
#[classify(kind = Internal, http)]
struct NoStatus;

#[derive(Classify)]
#[classify(kind(Timeout))]
struct Parentheses;

#[derive(Classify)]
#[classify(kind: Timeout)]
struct Colon;

#[derive(Classify)]
#[classify("Timeout")]
struct NoKey;

#[derive(Classify)]
#[classify]
struct Bare;

#[derive(Classify)]
#[classify = "Timeout"]
struct NameValue;

fn main() {}
