//! The table: HTTP status of an API's answer → class.

use crate::{Class, Delivery, Kind};

impl Class {
    /// What the status of an HTTP answer that is no success means to the client, where nothing else is known: a 404 is
    /// [`Kind::NotFound`], a 503 [`Kind::Unavailable`]. A status that is no failure was not expected:
    /// [`Kind::BadResponse`].
    ///
    /// ```
    /// use buttress_error::{Class, Kind};
    ///
    /// assert_eq!(Class::of_http(429).kind, Kind::Throttled);
    /// ```
    #[must_use]
    pub const fn of_http(status: u16) -> Self {
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
            421 | 425 => return Self::new(Kind::Unavailable).delivery(Delivery::NotSent),
            429 => Kind::Throttled,
            499 => Kind::Cancelled,
            400..=499 => Kind::InvalidArgument,
            502 | 503 => Kind::Unavailable,
            507 => Kind::ResourceExhausted,
            500..=599 => Kind::Internal,
            _ => Kind::BadResponse,
        };
        Self::new(kind)
    }
}
