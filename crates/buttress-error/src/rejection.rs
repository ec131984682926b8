//! `Rejection`: the one flat error of every layer that refuses a call.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

use crate::{Class, Classify, Error, Kind};

/// A layer of this stack refused the call or cut it short.
///
/// Every layer keeps the inner error type `E` and asks for `E: From<Rejection>`, so nothing nests. It says which
/// layer by name, [why](RejectionReason), with which numbers, when to come back, and what the last real failure was. It is cloned
/// without an allocation, and made without one (but for the cause of a [`deadline`](Self::deadline)), and is at most
/// 56 bytes. Times in it saturate at 584 years.
///
/// Its kind follows from why: an attempt timeout is [`Kind::Timeout`], a deadline [`Kind::DeadlineExceeded`], the rest
/// [`Kind::Rejected`].
#[derive(Clone)]
pub struct Rejection {
    retry_after: Option<Nanos>,
    /// Since when the circuit is open, or how long the call took.
    elapsed: Nanos,
    detail: Detail,
}

/// Nanoseconds, saturating at 584 years: half as large as a `Duration`, and a rejection is moved about a lot.
#[derive(Clone, Copy)]
struct Nanos(NonZero<u64>);

impl Nanos {
    #[inline]
    const fn new(time: Duration) -> Self {
        let nanos = time.as_secs().saturating_mul(1_000_000_000).saturating_add(time.subsec_nanos() as u64);
        // Zero is stored as one more, like all others: an option of it then takes no room.
        match NonZero::new(nanos.saturating_add(1)) {
            Some(nanos) => Self(nanos),
            None => unreachable!(),
        }
    }

    const fn time(self) -> Duration {
        Duration::from_nanos(self.0.get() - 1)
    }
}

#[derive(Clone)]
enum Detail {
    CircuitOpen(Arc<Trip>),
    ProbesTaken(Arc<Trip>),
    ForcedOpen {
        layer: Arc<str>,
    },
    /// A word, since a byte would lie beside the tag, and then every move takes both apart.
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
}

/// Why a layer refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RejectionReason {
    /// The circuit is open.
    CircuitOpen,
    /// The circuit is half-open and all its probes are under way.
    ProbesTaken,
    /// Somebody forced the circuit open.
    ForcedOpen,
    /// The circuit has closed and takes its load back step by step.
    Ramping,
    /// One attempt took too long.
    AttemptTimeout,
    /// The caller's own request body paused for too long.
    RequestStalled,
    /// The whole call's time is up.
    Deadline,
}

impl RejectionReason {
    /// Its fixed spelling in logs and labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CircuitOpen => "circuit_open",
            Self::ProbesTaken => "probes_taken",
            Self::ForcedOpen => "forced_open",
            Self::Ramping => "ramping",
            Self::AttemptTimeout => "attempt_timeout",
            Self::RequestStalled => "request_stalled",
            Self::Deadline => "deadline",
        }
    }
}

impl fmt::Display for RejectionReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a circuit opened: the rule with its numbers, and the failure that made it true.
///
/// Made once, when the circuit opens, and shared by all rejections that follow.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Trip {
    /// The name of the layer whose circuit it is.
    pub layer: Arc<str>,
    /// The rule.
    pub reason: TripReason,
    /// The last real failure; none where the circuit opened for slow or stuck calls alone.
    pub cause: Option<Cause>,
}

impl Trip {
    /// The circuit `layer` was opened by `rule`, the last failure being `cause`.
    #[must_use]
    pub const fn new(layer: Arc<str>, reason: TripReason, cause: Option<Cause>) -> Self {
        Self { layer, reason, cause }
    }
}

/// The rule by which a circuit opened.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum TripReason {
    /// Too many calls of the window failed.
    Rate {
        /// Calls that failed.
        failed: u32,
        /// All calls of the window.
        calls: u32,
        /// The rate at which the circuit opens, 0.0..=1.0.
        threshold: f64,
        /// The length of the window; none where it is its number of calls.
        window: Option<Duration>,
    },
    /// Too many calls of the window were slow.
    SlowRate {
        /// Calls that were slow.
        slow: u32,
        /// All calls of the window.
        calls: u32,
        /// The rate at which the circuit opens, 0.0..=1.0.
        threshold: f64,
        /// The length of the window; none where it is its number of calls.
        window: Option<Duration>,
    },
    /// Too many failures in a row.
    Streak {
        /// The failures.
        failures: u32,
    },
    /// Too many calls of the window were throttled by the dependency.
    ThrottleRate {
        /// Calls that were throttled.
        throttled: u32,
        /// All calls of the window.
        calls: u32,
        /// The rate at which the circuit opens, 0.0..=1.0.
        threshold: f64,
        /// The length of the window; none where it is its number of calls.
        window: Option<Duration>,
    },
    /// Too many calls have been in flight for too long.
    Stuck {
        /// The calls.
        calls: u32,
        /// They have been in flight for longer than this.
        age: Duration,
    },
    /// The fleet that the circuit belongs to has opened.
    Fleet,
    /// Too many failures within a time.
    FailuresWithin {
        /// The failures.
        failures: u32,
        /// The time.
        window: Duration,
    },
    /// Too many probes of the half-open circuit were bad. Each bad probe is in one of the counts.
    Probes {
        /// Probes that failed.
        failed: u32,
        /// Probes that were throttled by the dependency.
        throttled: u32,
        /// Probes that succeeded but were slow.
        slow: u32,
        /// Probes that outlived their lease.
        expired: u32,
        /// All probes of the round.
        probes: u32,
    },
}

impl TripReason {
    /// Its fixed spelling in logs and labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rate { .. } => "rate",
            Self::SlowRate { .. } => "slow_rate",
            Self::Streak { .. } => "streak",
            Self::ThrottleRate { .. } => "throttle_rate",
            Self::Stuck { .. } => "stuck",
            Self::Fleet => "fleet",
            Self::FailuresWithin { .. } => "failures_within",
            Self::Probes { .. } => "probes",
        }
    }
}

/// The rule with its numbers, as in `12 of 20 failed, threshold 50 %, window 30s`.
impl fmt::Display for TripReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rate = |part: u32, calls: u32, word: &str, threshold: f64, window: Option<Duration>| {
            // 0.55 * 100.0 is 55.000 000 000 000 01: two decimals are enough.
            let percent = (threshold * 10_000.0).round() / 100.0;
            write!(f, "{part} of {calls} {word}, threshold {percent} %")?;
            window.map_or(Ok(()), |window| write!(f, ", window {window:?}"))
        };
        match *self {
            Self::Rate { failed, calls, threshold, window } => {
                rate(failed, calls, "failed", threshold, window)
            }
            Self::SlowRate { slow, calls, threshold, window } => rate(slow, calls, "slow", threshold, window),
            Self::ThrottleRate { throttled, calls, threshold, window } => {
                rate(throttled, calls, "throttled", threshold, window)
            }
            Self::Streak { failures: 1 } => f.write_str("a failure"),
            Self::Streak { failures } => write!(f, "{failures} failures in a row"),
            Self::Stuck { calls: 1, age } => write!(f, "1 call in flight for longer than {age:?}"),
            Self::Stuck { calls, age } => write!(f, "{calls} calls in flight for longer than {age:?}"),
            Self::Fleet => f.write_str("the fleet has opened"),
            Self::FailuresWithin { failures: 1, .. } => f.write_str("a failure"),
            Self::FailuresWithin { failures, window } => write!(f, "{failures} failures within {window:?}"),
            Self::Probes { failed, throttled, slow, expired, probes } => {
                let counts =
                    [(failed, "failed"), (throttled, "throttled"), (slow, "slow"), (expired, "timed out")];
                let mut counts = counts.into_iter().filter(|(count, _)| *count > 0);
                match counts.next() {
                    Some((_, word)) if probes == 1 => write!(f, "the probe {}{word}", verb(word, 1)),
                    Some((count, word)) => {
                        write!(f, "{count} of {probes} probes {}{word}", verb(word, count))
                    }
                    None => write!(f, "0 of {probes} probes failed"),
                }?;
                counts.try_for_each(|(count, word)| write!(f, ", {count} {word}"))
            }
        }
    }
}

/// What `count` probes need before a word that is no verb itself.
fn verb(word: &str, count: u32) -> &'static str {
    match (word, count) {
        ("throttled" | "slow", 1) => "was ",
        ("throttled" | "slow", _) => "were ",
        _ => "",
    }
}

/// The last real failure behind a rejection: its kind and reason always, the error itself where it could be kept.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Cause {
    /// Its kind.
    pub kind: Kind,
    /// Its reason.
    pub reason: Option<&'static str>,
    /// The error itself, where its type is [`Error`].
    pub error: Option<Error>,
}

impl Cause {
    /// A failure of `class`, with the error itself where it could be kept.
    #[must_use]
    pub const fn new(class: &Class, error: Option<Error>) -> Self {
        Self { kind: class.kind, reason: class.reason, error }
    }
}

impl Rejection {
    const fn new(detail: Detail) -> Self {
        Self { retry_after: None, elapsed: Nanos::new(Duration::ZERO), detail }
    }

    /// The circuit is open since `since` because of `trip`.
    #[must_use]
    pub fn circuit_open(trip: Arc<Trip>, since: Duration) -> Self {
        Self::new(Detail::CircuitOpen(trip)).took(since)
    }

    /// The circuit is half-open, all its probes are under way; it had opened because of `trip`.
    #[must_use]
    pub fn probes_taken(trip: Arc<Trip>, since: Duration) -> Self {
        Self::new(Detail::ProbesTaken(trip)).took(since)
    }

    /// Somebody forced the circuit `layer` open.
    #[must_use]
    pub fn forced_open(layer: Arc<str>, since: Duration) -> Self {
        Self::new(Detail::ForcedOpen { layer }).took(since)
    }

    /// The circuit of `layer` closed `since` ago, and admits only `percent` % of the calls.
    #[must_use]
    pub fn ramping(layer: Arc<str>, percent: u8, since: Duration) -> Self {
        Self::new(Detail::Ramping { layer, percent: percent.into() }).took(since)
    }

    /// An attempt through `layer` took `elapsed`, allowed were `limit`.
    #[must_use]
    pub fn attempt_timeout(layer: Arc<str>, limit: Duration, elapsed: Duration) -> Self {
        Self::new(Detail::AttemptTimeout { layer, limit: Nanos::new(limit) }).took(elapsed)
    }

    /// The request body of an attempt through `layer` paused for `elapsed`, longer than `limit`: the caller produced no next
    /// chunk.
    #[must_use]
    pub fn request_stalled(layer: Arc<str>, limit: Duration, elapsed: Duration) -> Self {
        Self::new(Detail::RequestStalled { layer, limit: Nanos::new(limit) }).took(elapsed)
    }

    /// The call through `layer` took `elapsed`, allowed were `limit`; `cause` is the last real failure before that.
    #[must_use]
    pub fn deadline(layer: Arc<str>, limit: Duration, elapsed: Duration, cause: Option<Cause>) -> Self {
        let (limit, cause) = (Nanos::new(limit), cause.map(Arc::new));
        Self::new(Detail::Deadline { layer, limit, cause }).took(elapsed)
    }

    /// Says when to come back.
    #[must_use]
    pub const fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(Nanos::new(wait));
        self
    }

    /// The kind that it has as an `io::Error`.
    pub(crate) const fn io_kind(&self) -> io::ErrorKind {
        match self.reason() {
            RejectionReason::AttemptTimeout | RejectionReason::RequestStalled | RejectionReason::Deadline => {
                io::ErrorKind::TimedOut
            }
            RejectionReason::CircuitOpen
            | RejectionReason::ProbesTaken
            | RejectionReason::ForcedOpen
            | RejectionReason::Ramping => io::ErrorKind::ResourceBusy,
        }
    }

    fn took(mut self, elapsed: Duration) -> Self {
        self.elapsed = Nanos::new(elapsed);
        self
    }

    /// The name of the layer that refused.
    #[must_use]
    pub fn layer(&self) -> &str {
        match &self.detail {
            Detail::CircuitOpen(trip) | Detail::ProbesTaken(trip) => &trip.layer,
            Detail::ForcedOpen { layer }
            | Detail::Ramping { layer, .. }
            | Detail::AttemptTimeout { layer, .. }
            | Detail::RequestStalled { layer, .. }
            | Detail::Deadline { layer, .. } => layer,
        }
    }

    /// Why it refused.
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
        }
    }

    /// When to come back, where the layer knows.
    #[must_use]
    pub const fn wait(&self) -> Option<Duration> {
        match self.retry_after {
            Some(wait) => Some(wait.time()),
            None => None,
        }
    }

    /// Since when the circuit is in its state, or how long the call took.
    #[must_use]
    pub const fn elapsed(&self) -> Duration {
        self.elapsed.time()
    }

    /// The limit that a timeout or deadline set.
    #[must_use]
    pub const fn limit(&self) -> Option<Duration> {
        match self.detail {
            Detail::AttemptTimeout { limit, .. }
            | Detail::RequestStalled { limit, .. }
            | Detail::Deadline { limit, .. } => Some(limit.time()),
            _ => None,
        }
    }

    /// Why the circuit had opened.
    #[must_use]
    pub fn trip(&self) -> Option<&Trip> {
        match &self.detail {
            Detail::CircuitOpen(trip) | Detail::ProbesTaken(trip) => Some(trip),
            _ => None,
        }
    }

    /// The last real failure, where nobody else holds it: to be dropped apart from what it caused.
    pub(crate) fn take_cause(&mut self) -> Option<Error> {
        let cause = match &mut self.detail {
            Detail::CircuitOpen(trip) | Detail::ProbesTaken(trip) => Arc::get_mut(trip)?.cause.as_mut(),
            Detail::Deadline { cause, .. } => cause.as_mut().and_then(Arc::get_mut),
            _ => None,
        };
        cause?.error.take()
    }

    /// The last real failure.
    #[must_use]
    pub fn cause(&self) -> Option<&Cause> {
        match &self.detail {
            Detail::CircuitOpen(trip) | Detail::ProbesTaken(trip) => trip.cause.as_ref(),
            Detail::Deadline { cause, .. } => cause.as_deref(),
            _ => None,
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (layer, elapsed) = (self.layer(), self.elapsed());
        match &self.detail {
            Detail::CircuitOpen(trip) => {
                write!(f, "{layer}: circuit open for {elapsed:.1?} ({})", trip.reason)?;
            }
            Detail::ProbesTaken(trip) => {
                write!(f, "{layer}: circuit half-open, all probes under way ({})", trip.reason)?;
            }
            Detail::ForcedOpen { .. } => write!(f, "{layer}: circuit forced open for {elapsed:.1?}")?,
            Detail::Ramping { percent, .. } => {
                write!(f, "{layer}: circuit recovering for {elapsed:.1?}: admitting {percent} % of calls")?;
            }
            Detail::AttemptTimeout { limit, .. } => {
                let limit = limit.time();
                write!(f, "{layer}: attempt timed out after {elapsed:.1?} (limit {limit:?})")?;
            }
            Detail::RequestStalled { limit, .. } => {
                let limit = limit.time();
                write!(f, "{layer}: request body stalled for {elapsed:.1?} (limit {limit:?})")?;
            }
            Detail::Deadline { limit, .. } => {
                let limit = limit.time();
                write!(f, "{layer}: deadline exceeded after {elapsed:.1?} (limit {limit:?})")?;
            }
        }
        if let Some(wait) = self.wait() {
            write!(f, ", retry after {wait:.1?}")?;
        }
        if let Some(cause) = self.cause() {
            write!(f, ", last failure: {}", cause.kind)?;
            if let Some(reason) = cause.reason {
                write!(f, " ({reason})")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rejection")
            .field("layer", &self.layer())
            .field("reason", &self.reason())
            .field("elapsed", &self.elapsed())
            .field("limit", &self.limit())
            .field("retry_after", &self.wait())
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

/// Keeps the rejection as the inner error, and so its class. Of kind `TimedOut` where the call was cut short, else
/// `ResourceBusy`: the call was not made, and may be later.
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
            | RejectionReason::Ramping => Kind::Rejected,
        });
        self.wait().map_or(class, |wait| class.retry_after(wait))
    }
}
