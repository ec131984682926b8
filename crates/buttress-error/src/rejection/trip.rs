//! `Trip`: why a circuit opened.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::cause::Cause;

/// Why a circuit opened: the rule that tripped with its numbers, and the last failure.
///
/// Created once, when the circuit opens, and shared by all rejections until it closes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Trip {
    /// The name of the circuit.
    pub layer: Arc<str>,
    /// The rule that tripped.
    pub reason: TripReason,
    /// The last failure; none if only slow or stuck calls opened the circuit.
    pub cause: Option<Cause>,
}

impl Trip {
    /// Creates the trip of the circuit `layer`, opened for `reason`; `cause` is the last failure.
    #[must_use]
    pub const fn new(layer: Arc<str>, reason: TripReason, cause: Option<Cause>) -> Self {
        Self { layer, reason, cause }
    }
}

/// The rule that opened a circuit, with its numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum TripReason {
    /// Too many calls of the window failed.
    Rate {
        /// Calls that failed.
        failed: u32,
        /// All calls of the window.
        calls: u32,
        /// The threshold of the rule, 0.0..=1.0.
        threshold: f64,
        /// The length of the window; none if the window is a number of calls.
        window: Option<Duration>,
    },
    /// Too many calls of the window were slow.
    SlowRate {
        /// Calls that were slow.
        slow: u32,
        /// All calls of the window.
        calls: u32,
        /// The threshold of the rule, 0.0..=1.0.
        threshold: f64,
        /// The length of the window; none if the window is a number of calls.
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
        /// The threshold of the rule, 0.0..=1.0.
        threshold: f64,
        /// The length of the window; none if the window is a number of calls.
        window: Option<Duration>,
    },
    /// Too many calls have been in flight for too long.
    Stuck {
        /// The calls.
        calls: u32,
        /// They have been in flight for longer than this.
        age: Duration,
    },
    /// The fleet opened the circuits of all its members.
    Fleet,
    /// Too many failures within a window.
    FailuresWithin {
        /// The failures.
        failures: u32,
        /// The length of the window.
        window: Duration,
    },
    /// Too many probes of the half-open circuit were bad. Each bad probe is counted once.
    Probes {
        /// Probes that failed.
        failed: u32,
        /// Probes that were throttled by the dependency.
        throttled: u32,
        /// Probes that succeeded but were slow.
        slow: u32,
        /// Probes that did not end within the probe timeout.
        expired: u32,
        /// All probes of the round.
        probes: u32,
    },
}

impl TripReason {
    /// Returns its fixed spelling in logs and labels.
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

/// Writes the rule with its numbers, as in `12 of 20 failed, threshold 50 %, window 30s`.
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
            Self::Streak { failures: 1 } => f.write_str("1 failure"),
            Self::Streak { failures } => write!(f, "{failures} failures in a row"),
            Self::Stuck { calls: 1, age } => write!(f, "1 call in flight for longer than {age:?}"),
            Self::Stuck { calls, age } => write!(f, "{calls} calls in flight for longer than {age:?}"),
            Self::Fleet => f.write_str("opened by the fleet"),
            Self::FailuresWithin { failures: 1, .. } => f.write_str("1 failure"),
            Self::FailuresWithin { failures, window } => write!(f, "{failures} failures within {window:?}"),
            Self::Probes { failed, throttled, slow, expired, probes } => {
                let counts =
                    [(failed, "failed"), (throttled, "throttled"), (slow, "slow"), (expired, "timed out")];
                let mut counts = counts.into_iter().filter(|(count, _)| *count > 0);
                match counts.next() {
                    Some((_, word)) if probes == 1 => write!(f, "the probe {}{word}", auxiliary(word, 1)),
                    Some((count, word)) => {
                        write!(f, "{count} of {probes} probes {}{word}", auxiliary(word, count))
                    }
                    None => write!(f, "0 of {probes} probes failed"),
                }?;
                counts.try_for_each(|(count, word)| write!(f, ", {count} {word}"))
            }
        }
    }
}

/// Returns the auxiliary verb of `count` probes before a word that is not a verb.
fn auxiliary(word: &str, count: u32) -> &'static str {
    match (word, count) {
        ("throttled" | "slow", 1) => "was ",
        ("throttled" | "slow", _) => "were ",
        _ => "",
    }
}
