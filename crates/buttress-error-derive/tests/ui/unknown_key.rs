use buttress_error::Classify;

#[derive(Classify)]
#[classify(knid = Internal)]
struct Misspelt;

#[derive(Classify)]
#[classify(kind = Internal, status = 404)]
struct Alias;

#[derive(Classify)]
#[classify(kind = Internal, retryAfter = 3)]
struct CamelCase;

#[derive(Classify)]
#[classify(kind = Internal, banana)]
struct Nonsense;

fn main() {}
