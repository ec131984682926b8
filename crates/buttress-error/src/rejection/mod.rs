//! `Rejection`: the one flat error of every layer that rejects calls.

mod cause;
mod display;
mod nanos;
mod reason;
mod trip;

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::axes::RetryAdvice;
use crate::class::Class;
use crate::classify::Classify;
use crate::error::Error;
use crate::kind::Kind;
pub use cause::Cause;
use nanos::Nanos;
pub use reason::RejectionReason;
pub use trip::{Trip, TripReason};

/// The error of a layer that rejected a call or cut it short.
///
/// Every layer keeps the error type `E` of its inner service and requires `E: From<Rejection>`, so that errors do not nest.
/// A rejection holds the name of the layer, the [reason](RejectionReason) with its numbers, how long to wait before the
/// next call, and the last failure of the dependency. Cloning it does not allocate, and neither does making it, except for
/// the cause of a [`deadline`](Self::deadline). It has at most 56 bytes. Its durations saturate at 584 years.
///
/// Its kind follows from the reason: an attempt timeout is [`Kind::Timeout`], a stalled request body [`Kind::Cancelled`],
/// a deadline [`Kind::DeadlineExceeded`], anything else [`Kind::Rejected`].
#[derive(Clone)]
pub struct Rejection {
    retry_after: Option<Nanos>,
    /// How long the circuit has been in its state, or how long the call took.
    elapsed: Nanos,
    detail: Detail,
}

#[derive(Clone)]
enum Detail {
    CircuitOpen(Arc<Trip>),
    ProbesTaken(Arc<Trip>),
    ForcedOpen {
        layer: Arc<str>,
    },
    /// The percentage is a `u64`: a `u8` would share a word with the tag, which makes every move slower.
    Ramping {
        layer: Arc<str>,
        percent: u64,
    },
    AttemptTimeout {
        layer: Arc<str>,
        limit: Nanos,
    },
    RequestStalled {
        layer: Arc<str>,
        limit: Nanos,
    },
    Deadline {
        layer: Arc<str>,
        limit: Nanos,
        cause: Option<Arc<Cause>>,
    },
    RateLimited {
        layer: Arc<str>,
    },
    ExceedsBurst {
        layer: Arc<str>,
        weight: u32,
        burst: u32,
    },
}

impl Rejection {
    const fn new(detail: Detail) -> Self {
        Self { retry_after: None, elapsed: Nanos::new(Duration::ZERO), detail }
    }

    /// Creates the rejection of a circuit that `trip` opened, and that has been open for `since`.
    #[must_use]
    pub fn circuit_open(trip: Arc<Trip>, since: Duration) -> Self {
        Self::new(Detail::CircuitOpen(trip)).took(since)
    }

    /// Creates the rejection of a circuit that `trip` opened, and that has been half-open for `since` with all its probes in
    /// flight.
    #[must_use]
    pub fn probes_taken(trip: Arc<Trip>, since: Duration) -> Self {
        Self::new(Detail::ProbesTaken(trip)).took(since)
    }

    /// Creates the rejection of the circuit `layer`, which has been forced open for `since`.
    #[must_use]
    pub fn forced_open(layer: Arc<str>, since: Duration) -> Self {
        Self::new(Detail::ForcedOpen { layer }).took(since)
    }

    /// Creates the rejection of the circuit `layer`, which closed `since` ago and admits `percent` % of the calls while it
    /// recovers.
    #[must_use]
    pub fn ramping(layer: Arc<str>, percent: u8, since: Duration) -> Self {
        Self::new(Detail::Ramping { layer, percent: percent.into() }).took(since)
    }

    /// Creates the rejection of an attempt through `layer` that took `elapsed`; the limit was `limit`.
    #[must_use]
    pub fn attempt_timeout(layer: Arc<str>, limit: Duration, elapsed: Duration) -> Self {
        Self::new(Detail::AttemptTimeout { layer, limit: Nanos::new(limit) }).took(elapsed)
    }

    /// Creates the rejection of an attempt through `layer` whose request body paused for `elapsed`, longer than `limit`: the
    /// caller produced no next chunk.
    #[must_use]
    pub fn request_stalled(layer: Arc<str>, limit: Duration, elapsed: Duration) -> Self {
        Self::new(Detail::RequestStalled { layer, limit: Nanos::new(limit) }).took(elapsed)
    }

    /// Creates the rejection of a call through `layer` that took `elapsed`; the limit was `limit`. `cause` is the last failure
    /// of the dependency before that.
    #[must_use]
    pub fn deadline(layer: Arc<str>, limit: Duration, elapsed: Duration, cause: Option<Cause>) -> Self {
        let (limit, cause) = (Nanos::new(limit), cause.map(Arc::new));
        Self::new(Detail::Deadline { layer, limit, cause }).took(elapsed)
    }

    /// Creates the rejection of a call for which the rate limit `layer` has no permits now.
    #[must_use]
    pub const fn rate_limited(layer: Arc<str>) -> Self {
        Self::new(Detail::RateLimited { layer })
    }

    /// Creates the rejection of a call of `weight` permits, of which the rate limit `layer` never has more than `burst` at
    /// once. A retry cannot help.
    #[must_use]
    pub const fn exceeds_burst(layer: Arc<str>, weight: u32, burst: u32) -> Self {
        Self::new(Detail::ExceedsBurst { layer, weight, burst })
    }

    /// Sets how long the caller should wait before the next call.
    #[must_use]
    pub const fn with_retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(Nanos::new(wait));
        self
    }

    /// Returns the kind of the `io::Error` that it becomes.
    pub(crate) const fn io_kind(&self) -> io::ErrorKind {
        match self.reason() {
            RejectionReason::AttemptTimeout | RejectionReason::RequestStalled | RejectionReason::Deadline => {
                io::ErrorKind::TimedOut
            }
            RejectionReason::CircuitOpen
            | RejectionReason::ProbesTaken
            | RejectionReason::ForcedOpen
            | RejectionReason::Ramping
            | RejectionReason::RateLimited
            | RejectionReason::ExceedsBurst => io::ErrorKind::ResourceBusy,
        }
    }

    fn took(mut self, elapsed: Duration) -> Self {
        self.elapsed = Nanos::new(elapsed);
        self
    }

    /// Returns the name of the layer that rejected the call.
    #[must_use]
    pub fn layer(&self) -> &str {
        match &self.detail {
            Detail::CircuitOpen(trip) | Detail::ProbesTaken(trip) => &trip.layer,
            Detail::ForcedOpen { layer }
            | Detail::Ramping { layer, .. }
            | Detail::AttemptTimeout { layer, .. }
            | Detail::RequestStalled { layer, .. }
            | Detail::Deadline { layer, .. }
            | Detail::RateLimited { layer }
            | Detail::ExceedsBurst { layer, .. } => layer,
        }
    }

    /// Returns why the layer rejected the call.
    #[must_use]
    pub const fn reason(&self) -> RejectionReason {
        match self.detail {
            Detail::CircuitOpen(_) => RejectionReason::CircuitOpen,
            Detail::ProbesTaken(_) => RejectionReason::ProbesTaken,
            Detail::ForcedOpen { .. } => RejectionReason::ForcedOpen,
            Detail::Ramping { .. } => RejectionReason::Ramping,
            Detail::AttemptTimeout { .. } => RejectionReason::AttemptTimeout,
            Detail::RequestStalled { .. } => RejectionReason::RequestStalled,
            Detail::Deadline { .. } => RejectionReason::Deadline,
            Detail::RateLimited { .. } => RejectionReason::RateLimited,
            Detail::ExceedsBurst { .. } => RejectionReason::ExceedsBurst,
        }
    }

    /// Returns how long the caller should wait before the next call, if the layer can say.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self.retry_after {
            Some(wait) => Some(wait.time()),
            None => None,
        }
    }

    /// Returns how long the circuit has been in its state, or how long the call took.
    #[must_use]
    pub const fn elapsed(&self) -> Duration {
        self.elapsed.time()
    }

    /// Returns the limit of a timeout or a deadline.
    #[must_use]
    pub const fn limit(&self) -> Option<Duration> {
        match self.detail {
            Detail::AttemptTimeout { limit, .. }
            | Detail::RequestStalled { limit, .. }
            | Detail::Deadline { limit, .. } => Some(limit.time()),
            _ => None,
        }
    }

    /// Returns why the circuit opened, for an open or half-open circuit.
    #[must_use]
    pub fn trip(&self) -> Option<&Trip> {
        match &self.detail {
            Detail::CircuitOpen(trip) | Detail::ProbesTaken(trip) => Some(trip),
            _ => None,
        }
    }

    /// Takes out the error of the last failure, unless it is shared: it is then dropped after the error that it caused.
    pub(crate) fn take_cause(&mut self) -> Option<Error> {
        let cause = match &mut self.detail {
            Detail::CircuitOpen(trip) | Detail::ProbesTaken(trip) => Arc::get_mut(trip)?.cause.as_mut(),
            Detail::Deadline { cause, .. } => cause.as_mut().and_then(Arc::get_mut),
            _ => None,
        };
        cause?.error.take()
    }

    /// Returns the last failure of the dependency.
    #[must_use]
    pub fn cause(&self) -> Option<&Cause> {
        match &self.detail {
            Detail::CircuitOpen(trip) | Detail::ProbesTaken(trip) => trip.cause.as_ref(),
            Detail::Deadline { cause, .. } => cause.as_deref(),
            _ => None,
        }
    }
}

impl fmt::Debug for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rejection")
            .field("layer", &self.layer())
            .field("reason", &self.reason())
            .field("elapsed", &self.elapsed())
            .field("limit", &self.limit())
            .field("retry_after", &self.retry_after())
            .field("trip", &self.trip())
            .field("cause", &self.cause().map(|cause| cause.kind))
            .finish()
    }
}

impl StdError for Rejection {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.cause()?.error.as_ref().map(|error| error as _)
    }
}

/// Keeps the rejection as the inner error, and so its class. The kind is `TimedOut` if the call was cut short, else
/// `ResourceBusy`: the call was not made.
impl From<Rejection> for io::Error {
    fn from(rejection: Rejection) -> Self {
        Self::new(rejection.io_kind(), rejection)
    }
}

impl Classify for Rejection {
    fn class(&self) -> Class {
        let class = Class::new(match self.reason() {
            RejectionReason::AttemptTimeout => Kind::Timeout,
            RejectionReason::RequestStalled => Kind::Cancelled,
            RejectionReason::Deadline => Kind::DeadlineExceeded,
            RejectionReason::CircuitOpen
            | RejectionReason::ProbesTaken
            | RejectionReason::ForcedOpen
            | RejectionReason::Ramping
            | RejectionReason::RateLimited
            | RejectionReason::ExceedsBurst => Kind::Rejected,
        });
        let class = match self.reason() {
            RejectionReason::ExceedsBurst => class.retry(RetryAdvice::Never),
            _ => class,
        };
        self.retry_after().map_or(class, |wait| class.retry_after(wait))
    }
}
