//! What leaves this program, and what arrives of it: laws 7, 8 and 9 of the taxonomy.

use std::time::Duration;

use crate::{Class, Delivery, Fault, Kind, RetryAdvice};

impl Class {
    /// The class as which it leaves this program.
    ///
    /// What a [dependency](Self::dependency) blames on its caller, it blames on us: it is no fault of our own caller, and
    /// leaves as [`Kind::Internal`], without reason, status, exit code or wait. Whoever knows better reclassifies.
    /// Anything else leaves as it is.
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

    /// What a server tells its client of it. `handled` says how far the request got in this server.
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

/// Did the request reach the code that does the work?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums, reason = "there is no third answer")]
pub enum Handled {
    /// It did, or nobody knows: a call further in that was never sent says nothing about this request.
    Yes,
    /// A layer refused it before.
    No,
}

/// What a server tells its client of an error: of the advice only what the client could not know better.
///
/// The client judges by the kind, unless the whole request was refused before any work was done, the error is exhausted,
/// or the server says when to come back. (The failure flags of
/// [Finagle](https://twitter.github.io/finagle/guide/Clients.html) do the same.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WireError {
    /// The kind.
    pub kind: Kind,
    /// The reason.
    pub reason: Option<&'static str>,
    /// The retry advice; none where the client is to judge by the kind.
    pub retry: Option<RetryAdvice>,
    /// [`Delivery::NotProcessed`] where the whole request was refused before any work was done, else unknown.
    pub delivery: Delivery,
    /// When to come back.
    pub retry_after: Option<Duration>,
}

impl WireError {
    /// An error of `kind` without advice.
    #[must_use]
    pub const fn new(kind: Kind) -> Self {
        Self { kind, reason: None, retry: None, delivery: Delivery::Unknown, retry_after: None }
    }

    /// The class that the client gives it: of a dependency, and with the advice that the kind has by itself where none was
    /// sent. What was not refused as a whole is not taken as never sent.
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
            // An answer it is all the same, as the breaker has to know.
            (_, Delivery::Processed) => Delivery::Processed,
            _ => Delivery::Unknown,
        };
        match self.retry {
            // Somebody has given up on what could be repeated: nobody repeats it on the way further up either.
            Some(RetryAdvice::Never) if !matches!(class.retry, RetryAdvice::Never) => {
                class.retry = RetryAdvice::Never;
                class.exhausted = true;
            }
            // Law 4 holds whatever the other side says.
            Some(retry) if !kind.is_never_retried() => class.retry = retry,
            _ => {}
        }
        class
    }
}
