//! `Sampling`: how many records of a callsite are logged.

use std::time::Duration;

use tracing::{Level, Metadata};

/// Logs the first records of each callsite within a period, and then every M-th.
///
/// The names are those of zap's sampler (`tick`, `first`, `thereafter`). ERROR records are never sampled, and neither are the
/// records of `buttress::log`.
///
/// Each callsite has a counter of its own, and so has each value of the [`key`](Self::key). The period of a counter begins with
/// the first record after the last period. At the end of a period in which records were suppressed, one WARN record
/// `log.suppressed` has their number. A timer emits it, so no further record is needed.
///
/// ```
/// use std::time::Duration;
/// use buttress_log::{JsonLayer, Sampling};
/// use tracing::Level;
///
/// // Per second, callsite and customer: 10 records, then every 100th. WARN records are all logged.
/// let sampling = Sampling::new(Duration::from_secs(1), 10, 100).key("customer").max_severity(Level::INFO);
/// let layer = JsonLayer::new(std::io::stderr).sampling(sampling);
/// # let _ = layer;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "sampling has an effect only in a layer"]
pub struct Sampling {
    pub(super) tick: Duration,
    pub(super) first: u64,
    pub(super) thereafter: u64,
    pub(super) key: Option<&'static str>,
    pub(super) max_keys: usize,
    max_severity: Level,
    target: Option<String>,
}

impl Sampling {
    /// Logs the `first` records of each period of length `tick`, and then every one whose number is a multiple of `thereafter`,
    /// counted after the first ones. With a `thereafter` of 0 no more are logged. A `tick` of less than 10 ms is 10 ms.
    pub fn new(tick: Duration, first: u64, thereafter: u64) -> Self {
        Self {
            tick: tick.max(Duration::from_millis(10)),
            first,
            thereafter,
            key: None,
            max_keys: 1_024,
            max_severity: Level::WARN,
            target: None,
        }
    }

    /// Counts the values of a field apart. Records without the field share one counter per callsite. Default: no field.
    pub const fn key(mut self, field: &'static str) -> Self {
        self.key = Some(field);
        self
    }

    /// Sets for how many callsites and values there are counters. The others share one counter, until a period ends and a
    /// counter becomes free. A counter takes about 150 bytes, which are allocated at once. Default: 1024; 0 is treated as 1.
    pub const fn max_keys(mut self, keys: usize) -> Self {
        self.max_keys = if keys == 0 { 1 } else { keys };
        self
    }

    /// Samples records of this level and less severe ones only: INFO includes DEBUG and TRACE. Default: WARN. ERROR is treated
    /// as WARN.
    pub const fn max_severity(mut self, level: Level) -> Self {
        self.max_severity = level;
        self
    }

    /// Samples records of this target and of the targets below it only. Default: all targets.
    pub fn target(mut self, target: impl Into<String>) -> Self {
        self.target = Some(target.into());
        self
    }

    /// Whether the records of this callsite are sampled.
    pub(super) fn matches(&self, metadata: &Metadata<'_>) -> bool {
        let level = *metadata.level();
        let is_below = |target: &String| {
            let rest = metadata.target().strip_prefix(&**target);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        };
        level != Level::ERROR && level >= self.max_severity && self.target.as_ref().is_none_or(is_below)
    }
}
