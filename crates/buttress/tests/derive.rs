//! The derive, for those who depend on this crate alone.

// A test sees the dependencies of its package too; under this name it sees the wrong crate, as if there were none.
extern crate std as buttress_error;

use std::io;
use std::time::Duration;

use buttress::error::{Delivery, RetryAdvice};
use buttress::{Classify, Error, Kind, Rejection};

#[derive(Debug, thiserror::Error, Classify)]
#[classify(domain = "payments")]
enum PaymentError<E = io::Error> {
    #[error("card declined")]
    #[classify(kind = FailedPrecondition, reason = "CARD_DECLINED", http = 402, public)]
    CardDeclined,
    #[error("gateway did not answer")]
    #[classify(kind = Timeout, exit = 75, retry = Call, delivery = Unknown, retry_after = 2)]
    GatewayTimeout(#[source] io::Error),
    #[error("cannot reach the gateway")]
    #[classify(forward)]
    Gateway(E),
    #[error(transparent)]
    #[classify(forward)]
    Refused(#[from] Rejection),
}

fn fits_under_every_layer<E: Classify + From<Rejection>>(error: E) -> E {
    error
}

#[test]
fn the_derive_needs_no_other_crate() {
    let class = fits_under_every_layer(PaymentError::<io::Error>::CardDeclined).class();
    assert_eq!(
        (class.kind, class.reason, class.http),
        (Kind::FailedPrecondition, Some("CARD_DECLINED"), Some(402))
    );

    let refused = PaymentError::<io::Error>::from(Rejection::forced_open("gateway".into(), Duration::ZERO));
    assert_eq!((refused.class().kind, refused.class().domain), (Kind::Rejected, Some("payments")));

    let unreachable = PaymentError::Gateway(io::Error::from(io::ErrorKind::ConnectionRefused)).class();
    assert_eq!((unreachable.kind, unreachable.delivery), (Kind::Unavailable, Delivery::NotProcessed));

    let error = Error::from(PaymentError::<io::Error>::GatewayTimeout(io::ErrorKind::TimedOut.into()));
    assert_eq!(
        (error.kind(), error.advice(), error.domain()),
        (Kind::Timeout, RetryAdvice::Call, Some("payments"))
    );
}
