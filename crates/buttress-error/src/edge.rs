//! Errors at the edge of the program: what a server sends to its client, and what the client makes of it.
//! These are rules 7, 8 and 9 of the taxonomy.

use std::time::Duration;

use crate::axes::{Delivery, Fault, RetryAdvice};
use crate::class::Class;
use crate::kind::Kind;

impl Class {
    /// Returns the class that clients of this program see.
    ///
    /// An error that a [dependency](Self::dependency) blames on its caller is this program's fault, not that of its own
    /// client. It becomes [`Kind::Internal`], without reason, status, exit code or wait; reclassify it where that is wrong.
    /// Any other class stays the same.
    ///
    /// ```
    /// use buttress_error::{Class, Kind};
    ///
    /// let class = Class::new(Kind::NotFound).dependency();
    /// assert_eq!(class.at_edge().kind, Kind::Internal);
    /// assert_eq!(Class::new(Kind::NotFound).at_edge().kind, Kind::NotFound);
    /// ```
    #[must_use]
    pub const fn at_edge(self) -> Self {
        if !self.dependency || !matches!(self.kind.fault(), Fault::Caller) {
            return self;
        }
        let mut class = Self::new(Kind::Internal);
        class.exhausted = self.exhausted;
        class
    }

    /// Returns what a server sends to its client. `handled` is whether the request reached its handler.
    #[must_use]
    pub const fn to_wire(self, handled: Handled) -> WireError {
        let class = self.at_edge();
        let refused = matches!((handled, class.delivery), (Handled::No, Delivery::NotProcessed));
        let retry = if class.exhausted {
            Some(RetryAdvice::Never)
        } else if refused || class.retry_after.is_some() {
            Some(class.retry)
        } else {
            None
        };
        WireError {
            kind: class.kind.on_wire(),
            reason: class.reason,
            retry,
            delivery: if refused { Delivery::NotProcessed } else { Delivery::Unknown },
            retry_after: class.retry_after,
        }
    }
}

/// Whether a request reached the handler, the code that does the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums, reason = "there is no third answer")]
pub enum Handled {
    /// It did, or that is not known. The handler may have worked before a call of its own was not processed.
    Yes,
    /// A layer refused the request before.
    No,
}

/// An error as a server sends it to its client.
///
/// The client follows the advice of the kind, unless the whole request was refused before any work was done, the error is
/// exhausted, or the server sends how long to wait. (The failure flags of
/// [Finagle](https://twitter.github.io/finagle/guide/Clients.html) do the same.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WireError {
    /// The kind.
    pub kind: Kind,
    /// The reason.
    pub reason: Option<&'static str>,
    /// The retry advice; none if the client follows the advice of the kind.
    pub retry: Option<RetryAdvice>,
    /// [`Delivery::NotProcessed`] if the whole request was refused before any work was done, else unknown.
    pub delivery: Delivery,
    /// How long the client should wait before the next call.
    pub retry_after: Option<Duration>,
}

impl WireError {
    /// Creates an error of `kind` without advice.
    #[must_use]
    pub const fn new(kind: Kind) -> Self {
        Self { kind, reason: None, retry: None, delivery: Delivery::Unknown, retry_after: None }
    }

    /// Returns the class of the error for the client: that of a dependency, with the advice of the kind if none was sent.
    /// Only a request that was refused as a whole counts as not processed.
    #[must_use]
    pub const fn to_class(self) -> Class {
        let kind = self.kind.on_wire();
        let mut class = match kind {
            Kind::ResourceExhausted => Class::exhausted_elsewhere(),
            kind => Class::new(kind),
        }
        .dependency();
        class.reason = self.reason;
        class.retry_after = self.retry_after;
        class.delivery = match (self.delivery, kind.delivery()) {
            (Delivery::NotProcessed, _) => Delivery::NotProcessed,
            // It is an answer nevertheless, which a breaker counts.
            (_, Delivery::Processed) => Delivery::Processed,
            _ => Delivery::Unknown,
        };
        match self.retry {
            // A retry layer of the server has exhausted it, so the layers of the client must not retry it.
            Some(RetryAdvice::Never) if !matches!(class.retry, RetryAdvice::Never) => {
                class.retry = RetryAdvice::Never;
                class.exhausted = true;
            }
            // Rule 4 holds whatever the server sends.
            Some(retry) if !kind.is_never_retried() => class.retry = retry,
            _ => {}
        }
        class
    }
}
