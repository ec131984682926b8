use buttress_error::Classify;

#[derive(Classify)]
enum PaymentError {
    #[classify(kind = Timeout)]
    GatewayTimeout,
    CardDeclined,
    Refused(buttress_error::Rejection),
    #[classify(reason = "NO_KIND")]
    Reason,
}

#[derive(Classify)]
struct SettingsError;

// The derive says what is wrong once; this line says nothing more.
fn class(error: &PaymentError) -> buttress_error::Class {
    error.class()
}

fn main() {}
