//! The table: HTTP status of an API's answer → class.

use buttress_error::{Class, Delivery, Kind, Retry};

use super::Profile;

/// The class of a status that is no success. The body may know better; the request may allow more.
pub(super) const fn class(status: u16, profile: Profile) -> Class {
    let kind = match status {
        401 | 407 | 511 => Kind::Unauthenticated,
        402 | 412 | 426 | 428 => Kind::FailedPrecondition,
        403 | 451 => Kind::PermissionDenied,
        404 | 410 => Kind::NotFound,
        405 | 501 | 505 => Kind::Unimplemented,
        408 | 504 => Kind::Timeout,
        409 | 423 => Kind::Aborted,
        416 => Kind::OutOfRange,
        // It went to the wrong place, or too early: the server says that it did nothing.
        421 | 425 => return Class::new(Kind::Unavailable).delivery(Delivery::NotSent),
        429 => Kind::Throttled,
        499 => Kind::Cancelled,
        400..=499 => Kind::InvalidArgument,
        502 | 503 => Kind::Unavailable,
        507 => Kind::ResourceExhausted,
        500 if matches!(profile, Profile::Aws) => return Class::new(Kind::Internal).retry(Retry::Call),
        500..=599 => Kind::Internal,
        _ => Kind::BadResponse,
    };
    Class::new(kind)
}
