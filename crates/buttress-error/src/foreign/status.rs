//! The table of HTTP statuses and their classes.

use crate::axes::{BreakerEffect, Delivery};
use crate::class::Class;
use crate::kind::Kind;

impl Class {
    /// Returns the class of an HTTP status without further information: 404 is [`Kind::NotFound`], 503
    /// [`Kind::Unavailable`]. An unknown 4xx has the class of 400, an unknown 5xx that of 500. A status that is not an error was
    /// not expected, and is a [`Kind::BadResponse`] that a breaker does not count as a failure.
    ///
    /// ```
    /// use buttress_error::{Class, Kind};
    ///
    /// assert_eq!(Class::of_http(429).kind, Kind::Throttled);
    /// ```
    #[must_use]
    pub const fn of_http(status: u16) -> Self {
        let kind = match status {
            401 => Kind::Unauthenticated,
            // A proxy or a network requires its own credentials: the origin has not received the request.
            407 | 511 => return Self::new(Kind::Unauthenticated).delivery(Delivery::NotProcessed),
            402 | 412 | 426 | 428 => Kind::FailedPrecondition,
            403 | 451 => Kind::PermissionDenied,
            404 | 410 => Kind::NotFound,
            405 | 501 | 505 => Kind::Unimplemented,
            // 522 and 524: a CDN timed out waiting for its origin; 598 and 599: a proxy did.
            408 | 504 | 522 | 524 | 598 | 599 => Kind::Timeout,
            409 | 423 => Kind::Aborted,
            416 => Kind::OutOfRange,
            // The connection leads to a server that does not serve this origin, and a client cannot be told to take
            // another one. The origin itself is not at fault.
            421 => {
                return Self::new(Kind::Unavailable)
                    .delivery(Delivery::NotProcessed)
                    .breaker_effect(BreakerEffect::No)
                    .retry_once();
            }
            // Too early: the server did not process the request.
            425 => return Self::new(Kind::Unavailable).delivery(Delivery::NotProcessed),
            429 => Kind::Throttled,
            499 => Kind::Cancelled,
            400..=499 => Kind::InvalidArgument,
            // 520 to 530: a CDN got no usable response from its origin; 529: overloaded.
            502 | 503 | 520 | 521 | 523 | 525..=527 | 529 | 530 => Kind::Unavailable,
            507 => return Self::exhausted_elsewhere(),
            500..=599 => Kind::Internal,
            _ => {
                return Self::new(Kind::BadResponse)
                    .delivery(Delivery::Unknown)
                    .breaker_effect(BreakerEffect::No);
            }
        };
        Self::new(kind)
    }

    /// A dependency has no quota, memory or disk left. It worked before and may again, so a circuit breaker counts a
    /// throttle.
    pub(crate) const fn exhausted_elsewhere() -> Self {
        Self::new(Kind::ResourceExhausted).breaker_effect(BreakerEffect::Throttle)
    }
}
