//! `Window`: which calls a circuit judges, counted in constant time and fixed memory.

mod count;
mod recent;
mod refill;
mod time;

use std::time::Duration;

use buttress_error::ConfigError;

use crate::circuit::time::{NEVER, Nanos, nanos};
use count::CountWindow;
pub(crate) use recent::RecentFailures;
pub(crate) use refill::refill;
use time::TimeWindow;

/// The calls that a closed circuit judges. Default: the last 30 s, in ten buckets.
///
/// Recording a call takes constant time and no memory, however many calls the window holds. Successes are counted elsewhere, and
/// added together when the window is read; their cost is constant on average.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window(Span);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Span {
    Time { span: Duration, buckets: u32 },
    Count(u32),
    Consecutive(u32),
}

impl Window {
    /// The calls of the last `span`, at least 1 µs, in ten buckets.
    ///
    /// It slides by whole buckets. A bucket is dropped as soon as its latest call may be older than `span` less one bucket.
    #[must_use]
    pub const fn time(span: Duration) -> Self {
        Self::time_buckets(span, 10)
    }

    /// The calls of the last `span` in `buckets` buckets, 1..=1000.
    #[must_use]
    pub const fn time_buckets(span: Duration, buckets: u32) -> Self {
        Self(Span::Time { span, buckets })
    }

    /// Exactly the last `calls` calls, 1..=1 000 000. It takes one byte for each call.
    #[must_use]
    pub const fn count(calls: u32) -> Self {
        Self(Span::Count(calls))
    }

    /// No window. The circuit opens at `failures` failures in a row, 1 or more, and judges no rate.
    #[must_use]
    pub const fn consecutive(failures: u32) -> Self {
        Self(Span::Consecutive(failures))
    }

    /// Returns its number of calls, if it is a count window.
    pub(crate) const fn capacity(self) -> Option<u32> {
        match self.0 {
            Span::Count(calls) => Some(calls),
            _ => None,
        }
    }

    /// Returns its length, if it is a time window.
    pub(crate) const fn span(self) -> Option<Duration> {
        match self.0 {
            Span::Time { span, .. } => Some(span),
            _ => None,
        }
    }

    /// Returns the failures in a row that open the circuit, if it has no window.
    pub(crate) const fn streak(self) -> Option<u32> {
        match self.0 {
            Span::Consecutive(failures) => Some(failures),
            _ => None,
        }
    }

    pub(crate) fn check(self) -> Result<(), ConfigError> {
        let range = match self.0 {
            Span::Count(1..=1_000_000) | Span::Consecutive(1..) => return Ok(()),
            Span::Time { span, buckets: 1..=1000 } if span >= Duration::from_micros(1) => return Ok(()),
            Span::Count(_) => "a window of 1..=1000000 calls",
            Span::Consecutive(_) => "at least 1 failure in a row",
            Span::Time { .. } => "a window of at least 1 µs in 1..=1000 buckets",
        };
        Err(match self.0 {
            Span::Count(calls) => ConfigError::new("window", range, format_args!("{calls} calls")),
            Span::Consecutive(failures) => ConfigError::new("window", range, failures),
            Span::Time { span, buckets } => {
                ConfigError::new("window", range, format_args!("{span:?} in {buckets} buckets"))
            }
        })
    }
}

impl Default for Window {
    fn default() -> Self {
        Self::time(Duration::from_secs(30))
    }
}

/// One call in a window: bits of [`Entry::FAILED`], [`Entry::SLOW`] and [`Entry::THROTTLED`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entry(u8);

impl Entry {
    pub(crate) const SUCCESS: Self = Self(0);
    pub(crate) const FAILED: Self = Self(1);
    pub(crate) const SLOW: Self = Self(2);
    pub(crate) const THROTTLED: Self = Self(4);

    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) const fn is_failed(self) -> bool {
        self.bit(Self::FAILED) == 1
    }

    pub(crate) const fn is_throttled(self) -> bool {
        self.bit(Self::THROTTLED) == 1
    }

    pub(crate) const fn is_slow(self) -> bool {
        self.bit(Self::SLOW) == 1
    }

    /// Returns one if the bit is set, else zero: sums of it need no branch.
    const fn bit(self, mark: Self) -> u32 {
        (self.0 & mark.0 != 0) as u32
    }
}

/// The number of calls of each sort.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) total: u32,
    pub(crate) failed: u32,
    pub(crate) slow: u32,
    pub(crate) throttled: u32,
}

impl Tally {
    pub(crate) const fn add(&mut self, entry: Entry) {
        self.total = self.total.saturating_add(1);
        self.failed = self.failed.saturating_add(entry.bit(Entry::FAILED));
        self.slow = self.slow.saturating_add(entry.bit(Entry::SLOW));
        self.throttled = self.throttled.saturating_add(entry.bit(Entry::THROTTLED));
    }

    const fn add_all(&mut self, other: &Self) {
        self.total = self.total.saturating_add(other.total);
        self.failed = self.failed.saturating_add(other.failed);
        self.slow = self.slow.saturating_add(other.slow);
        self.throttled = self.throttled.saturating_add(other.throttled);
    }

    const fn remove(&mut self, entry: Entry) {
        self.take_away(&Self {
            total: 1,
            failed: entry.bit(Entry::FAILED),
            slow: entry.bit(Entry::SLOW),
            throttled: entry.bit(Entry::THROTTLED),
        });
    }

    const fn take_away(&mut self, other: &Self) {
        self.total = self.total.saturating_sub(other.total);
        self.failed = self.failed.saturating_sub(other.failed);
        self.slow = self.slow.saturating_sub(other.slow);
        self.throttled = self.throttled.saturating_sub(other.throttled);
    }
}

/// The calls of a [`Window`].
#[derive(Debug)]
pub(crate) enum WindowState {
    Time(TimeWindow),
    Count(CountWindow),
    /// The record counts failures in a row itself.
    None,
}

impl WindowState {
    pub(crate) fn new(window: Window) -> Self {
        match window.0 {
            Span::Time { span, buckets } => Self::Time(TimeWindow::new(nanos(span), buckets)),
            Span::Count(calls) => Self::Count(CountWindow::new(calls)),
            Span::Consecutive(_) => Self::None,
        }
    }

    pub(crate) fn record(&mut self, entry: Entry, now: Nanos) {
        match self {
            Self::Time(window) => window.record(entry, now),
            Self::Count(window) => window.record(entry),
            Self::None => {}
        }
    }

    /// Records `calls` successes at the latest time.
    pub(crate) fn record_successes(&mut self, calls: u64) {
        match self {
            Self::Time(window) => window.record_successes(calls),
            Self::Count(window) => window.record_successes(calls),
            Self::None => {}
        }
    }

    /// Returns the tally at the latest time.
    pub(crate) fn latest_tally(&self) -> Tally {
        match self {
            Self::Time(window) => window.latest_tally(),
            Self::Count(window) => window.tally(),
            Self::None => Tally::default(),
        }
    }

    /// Returns when a time window slides, or [`NEVER`].
    pub(crate) const fn ends_at(&self) -> Nanos {
        match self {
            Self::Time(window) => window.ends(),
            _ => NEVER,
        }
    }

    pub(crate) fn tally(&mut self, now: Nanos) -> Tally {
        match self {
            Self::Time(window) => window.tally(now),
            Self::Count(window) => window.tally(),
            Self::None => Tally::default(),
        }
    }

    /// Adds the calls of another state of the same kind.
    fn take_over(&mut self, other: &Self) {
        match (self, other) {
            (Self::Time(window), Self::Time(other)) => window.take_over(other),
            (Self::Count(window), Self::Count(other)) => window.take_over(other),
            _ => {}
        }
    }

    pub(crate) fn clear(&mut self) {
        match self {
            Self::Time(window) => window.clear(),
            Self::Count(window) => window.clear(),
            Self::None => {}
        }
    }
}
