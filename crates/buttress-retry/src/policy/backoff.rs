//! `Backoff`: how long to wait before each retry.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use buttress_error::ConfigError;

type Iter = Box<dyn Iterator<Item = Duration> + Send>;

/// How long to wait before each retry.
///
/// The cap is applied before and after jitter, so it is always an upper bound. No attempt number up to `u32::MAX` overflows:
/// the wait saturates at the cap, or without a cap at [`Duration::MAX`]. In a [`Policy`](crate::Policy) a backoff that grows
/// has a cap of 5 s unless [`max`](Self::max) sets another.
///
/// Full and equal jitter and decorrelated backoff are those of Marc Brooker's
/// [Exponential Backoff And Jitter](https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
///
/// ```
/// use std::time::Duration;
/// use buttress_retry::{Backoff, Jitter};
///
/// let backoff = Backoff::exponential(Duration::from_millis(100))
///     .max(Duration::from_secs(1))
///     .jitter(Jitter::None);
/// let waits: Vec<_> = (1..=5).map(|attempt| backoff.delay(attempt).as_millis()).collect();
/// assert_eq!(waits, [100, 200, 400, 800, 1000]);
/// ```
#[derive(Clone)]
pub struct Backoff {
    kind: Kind,
    max: Option<Duration>,
    jitter: Jitter,
    /// The multiplier that was set. Only an exponential backoff may have one.
    multiplier: Option<f64>,
}

#[derive(Clone)]
enum Kind {
    Fixed { base: Duration },
    Linear { base: Duration, increment: Duration },
    Exponential { base: Duration },
    Fibonacci { base: Duration },
    Decorrelated { base: Duration },
    Iterator(Arc<dyn Fn() -> Iter + Send + Sync>),
}

/// How a wait is randomized, so that callers that failed at the same moment don't retry at the same moment.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Jitter {
    /// No randomness.
    None,
    /// Uniform between zero and the wait. This spreads callers best.
    Full,
    /// Uniform between half the wait and the wait.
    Equal,
    /// Uniform between `1 − factor` and `1 + factor` times the wait. The factor is in 0.0..=1.0.
    Proportional(f64),
}

impl Backoff {
    /// The cap that a policy sets for a backoff that grows and has none.
    pub(super) const DEFAULT_MAX: Duration = Duration::from_secs(5);

    const fn new(kind: Kind, jitter: Jitter) -> Self {
        Self { kind, max: None, jitter, multiplier: None }
    }

    /// Creates a backoff without waits.
    #[must_use]
    pub const fn none() -> Self {
        Self::fixed(Duration::ZERO)
    }

    /// Creates a backoff that always waits `base`, without jitter.
    #[must_use]
    pub const fn fixed(base: Duration) -> Self {
        Self::new(Kind::Fixed { base }, Jitter::None)
    }

    /// Creates a backoff that waits `base`, then `increment` longer each time, with equal jitter.
    #[must_use]
    pub const fn linear(base: Duration, increment: Duration) -> Self {
        Self::new(Kind::Linear { base, increment }, Jitter::Equal)
    }

    /// Creates a backoff that waits `base`, then twice as long each time (see [`multiplier`](Self::multiplier)), with equal
    /// jitter.
    #[must_use]
    pub const fn exponential(base: Duration) -> Self {
        Self::new(Kind::Exponential { base }, Jitter::Equal)
    }

    /// Creates a backoff that waits `base` times 1, 1, 2, 3, 5, 8 …, with equal jitter.
    #[must_use]
    pub const fn fibonacci(base: Duration) -> Self {
        Self::new(Kind::Fibonacci { base }, Jitter::Equal)
    }

    /// Creates a backoff whose waits are uniform between `base` and three times the previous wait. As it is random already, a
    /// policy refuses a jitter in addition.
    #[must_use]
    pub const fn decorrelated(base: Duration) -> Self {
        Self::new(Kind::Decorrelated { base }, Jitter::None)
    }

    /// Creates a backoff from an iterator of waits, which is created again for each call, without jitter. When it ends, the
    /// retries end. [`max_attempts`](crate::PolicyBuilder::max_attempts) applies too: with the default of 4 attempts, 3 waits
    /// are used.
    ///
    /// ```
    /// use std::time::Duration;
    /// use buttress_retry::{Backoff, Policy};
    ///
    /// # fn main() -> Result<(), buttress_retry::ConfigError> {
    /// let steps = Backoff::iterator(|| [1, 5, 30, 120].into_iter().map(Duration::from_secs));
    /// let policy = Policy::exponential().backoff(steps).max_attempts(5).build()?;
    /// assert_eq!(policy.max_total_backoff(), Duration::from_secs(156));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn iterator<I>(waits: impl Fn() -> I + Send + Sync + 'static) -> Self
    where
        I: Iterator<Item = Duration> + Send + 'static,
    {
        Self::new(Kind::Iterator(Arc::new(move || Box::new(waits()))), Jitter::None)
    }

    /// Sets the cap of every wait, jitter included: at least the base. [`Duration::MAX`] means no cap.
    ///
    /// Default in a policy: 5 s for backoffs that grow (linear, exponential, Fibonacci, decorrelated), none for a fixed wait or
    /// an iterator. Default outside a policy: none.
    #[must_use]
    pub const fn max(mut self, max: Duration) -> Self {
        self.max = Some(max);
        self
    }

    /// Sets the jitter. The default is documented with each constructor.
    #[must_use]
    pub const fn jitter(mut self, jitter: Jitter) -> Self {
        self.jitter = jitter;
        self
    }

    /// Sets the factor by which an exponential wait grows each time: a finite number of 1.0 or more. A policy refuses it for
    /// other backoffs. Default: 2.0.
    #[must_use]
    pub const fn multiplier(mut self, factor: f64) -> Self {
        self.multiplier = Some(factor);
        self
    }

    /// Sets the base. Returns `None` for an iterator, which has none.
    pub(super) fn with_base(mut self, to: Duration) -> Option<Self> {
        match &mut self.kind {
            Kind::Fixed { base }
            | Kind::Linear { base, .. }
            | Kind::Exponential { base }
            | Kind::Fibonacci { base }
            | Kind::Decorrelated { base } => *base = to,
            Kind::Iterator(_) => return None,
        }
        Some(self)
    }

    /// Returns the cap set by [`max`](Self::max).
    pub(super) const fn own_max(&self) -> Option<Duration> {
        self.max
    }

    /// Returns `true` if waits may grow from attempt to attempt.
    pub(super) const fn grows(&self) -> bool {
        match self.kind {
            Kind::Fixed { .. } | Kind::Iterator(_) => false,
            Kind::Linear { increment, .. } => !increment.is_zero(),
            Kind::Exponential { .. } => self.growth() > 1.0,
            Kind::Fibonacci { .. } | Kind::Decorrelated { .. } => true,
        }
    }

    const fn growth(&self) -> f64 {
        match self.multiplier {
            Some(factor) => factor,
            None => 2.0,
        }
    }

    /// Returns the wait before retry number `attempt`, counted from 1 (0 means 1). With jitter it is random.
    ///
    /// For a decorrelated backoff or an iterator it first draws the `attempt − 1` earlier waits, 4096 at most. After the end of
    /// an iterator it returns zero.
    #[must_use]
    pub fn delay(&self, attempt: u32) -> Duration {
        let attempt = attempt.max(1);
        let mut waits = BackoffState::new();
        match self.kind {
            Kind::Decorrelated { .. } | Kind::Iterator(_) => {
                // By then the waits have converged, or the iterator has ended.
                let earlier = (attempt - 1).min(4096);
                for _ in 0..earlier {
                    let _ = waits.next(self, attempt);
                }
            }
            _ => {}
        }
        waits.next(self, attempt).unwrap_or_default()
    }

    /// Returns the longest possible waits of one call, in order.
    pub(super) fn max_waits(&self) -> impl Iterator<Item = Duration> {
        let (plain, mut waits) = (self.clone().jitter(Jitter::None), BackoffState::new());
        (1..).map_while(move |attempt| match (&self.kind, self.jitter) {
            (Kind::Decorrelated { base }, _) => {
                Some(self.cap(scale(*base, 3_f64.powi(i32::try_from(attempt).unwrap_or(i32::MAX)))))
            }
            (_, Jitter::Proportional(factor)) => {
                Some(self.cap(scale(waits.next(&plain, attempt)?, 1.0 + factor)))
            }
            _ => waits.next(&plain, attempt),
        })
    }

    /// Returns the jitter to add to a `wait` of the server: 10 % of it, but at least the base. It is zero if this backoff has no
    /// jitter.
    pub(super) fn added_jitter(&self, wait: Duration) -> AddedJitter {
        let jitters = match (&self.kind, self.jitter) {
            (Kind::Decorrelated { .. }, _) => true,
            (_, Jitter::None) => false,
            (_, Jitter::Proportional(factor)) => factor > 0.0,
            (_, Jitter::Full | Jitter::Equal) => true,
        };
        if jitters {
            AddedJitter((wait / 10).max(self.base().unwrap_or_default()))
        } else {
            AddedJitter::NONE
        }
    }

    fn cap(&self, wait: Duration) -> Duration {
        self.max.map_or(wait, |max| wait.min(max))
    }

    /// Checks the backoff. `setting` is the name of the setter that received it.
    pub(super) fn check(&self, setting: &'static str) -> Result<(), ConfigError> {
        let refuse = |range, given: &dyn fmt::Debug| Err(ConfigError::new(setting, range, given));
        match (self.multiplier, &self.kind) {
            (Some(factor), Kind::Exponential { .. }) if !(factor >= 1.0 && factor.is_finite()) => {
                return refuse("given a finite multiplier of 1.0 or more", &factor);
            }
            (Some(_), Kind::Exponential { .. }) | (None, _) => {}
            (Some(factor), _) => return refuse("exponential to take a multiplier", &factor),
        }
        match (self.jitter, &self.kind) {
            (Jitter::Proportional(factor), _) if !(0.0..=1.0).contains(&factor) => {
                return refuse("given a proportional jitter in 0.0..=1.0", &factor);
            }
            (Jitter::None, _) => {}
            (jitter, Kind::Decorrelated { .. }) => {
                return refuse("left without a jitter, as it is decorrelated", &jitter);
            }
            _ => {}
        }
        match (self.base(), self.max) {
            // Zero grows to zero. A loop without waits has to be asked for, by `Backoff::none`.
            (Some(Duration::ZERO), _) if self.grows() && !matches!(self.kind, Kind::Linear { .. }) => {
                refuse("given a base above zero", &Duration::ZERO)
            }
            (Some(base), Some(max)) if max < base => refuse("given a cap of at least its base", &max),
            (Some(base), None) if self.grows() && base > Self::DEFAULT_MAX => {
                refuse("given a cap, as its base is above the default cap of 5 s", &base)
            }
            _ => Ok(()),
        }
    }

    pub(super) const fn base(&self) -> Option<Duration> {
        match self.kind {
            Kind::Fixed { base }
            | Kind::Linear { base, .. }
            | Kind::Exponential { base }
            | Kind::Fibonacci { base }
            | Kind::Decorrelated { base } => Some(base),
            Kind::Iterator(_) => None,
        }
    }
}

impl fmt::Debug for Backoff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct(match self.kind {
            Kind::Fixed { .. } => "Fixed",
            Kind::Linear { .. } => "Linear",
            Kind::Exponential { .. } => "Exponential",
            Kind::Fibonacci { .. } => "Fibonacci",
            Kind::Decorrelated { .. } => "Decorrelated",
            Kind::Iterator(_) => "Iterator",
        });
        debug.field("base", &self.base());
        match self.kind {
            Kind::Linear { increment, .. } => debug.field("increment", &increment),
            Kind::Exponential { .. } => debug.field("multiplier", &self.growth()),
            _ => &mut debug,
        };
        debug.field("max", &self.max).field("jitter", &self.jitter).finish()
    }
}

/// A jitter to add to a wait: uniform between zero and this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AddedJitter(Duration);

impl AddedJitter {
    pub(super) const NONE: Self = Self(Duration::ZERO);

    pub(super) fn at_most(self, room: Duration) -> Self {
        Self(self.0.min(room))
    }

    pub(super) const fn max(self) -> Duration {
        self.0
    }

    pub(super) fn draw(self) -> Duration {
        between(Duration::ZERO, self.0)
    }
}

/// The state of a backoff within one call.
pub(super) struct BackoffState {
    previous: Option<Duration>,
    iterator: Option<Iter>,
}

impl BackoffState {
    pub(super) const fn new() -> Self {
        Self { previous: None, iterator: None }
    }

    /// Returns the wait before retry number `attempt`, counted from 1, or `None` when an iterator has ended.
    pub(super) fn next(&mut self, backoff: &Backoff, attempt: u32) -> Option<Duration> {
        let n = attempt.max(1) - 1;
        let wait = match &backoff.kind {
            Kind::Fixed { base } => *base,
            Kind::Linear { base, increment } => base.saturating_add(increment.saturating_mul(n)),
            Kind::Exponential { base } => {
                scale(*base, backoff.growth().powi(i32::try_from(n).unwrap_or(i32::MAX)))
            }
            Kind::Fibonacci { base } => base.saturating_mul(fibonacci(n)),
            Kind::Decorrelated { base } => {
                let high = backoff.cap(self.previous.unwrap_or(*base).saturating_mul(3));
                let wait = between((*base).min(high), high);
                self.previous = Some(wait);
                return Some(wait);
            }
            Kind::Iterator(waits) => self.iterator.get_or_insert_with(|| waits()).next()?,
        };
        let capped = backoff.cap(wait);
        Some(match backoff.jitter {
            Jitter::None => capped,
            Jitter::Full => between(Duration::ZERO, capped),
            Jitter::Equal => between(capped / 2, capped),
            Jitter::Proportional(factor) => {
                let high = backoff.cap(scale(capped, 1.0 + factor));
                between(scale(capped, 1.0 - factor).min(high), high)
            }
        })
    }
}

impl fmt::Debug for BackoffState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackoffState").field("previous", &self.previous).finish_non_exhaustive()
    }
}

/// Multiplies `wait` by `factor`, which is not negative. Saturates.
fn scale(wait: Duration, factor: f64) -> Duration {
    if wait.is_zero() {
        return wait;
    }
    let nanos = wait.as_nanos() as f64 * factor;
    if nanos >= Duration::MAX.as_nanos() as f64 {
        return Duration::MAX;
    }
    // Rounded, so that 1 s times 1.1 is 1.1 s. It is in the range of the casts.
    let nanos = nanos.round().max(0.0) as u128;
    Duration::new((nanos / 1_000_000_000) as u64, (nanos % 1_000_000_000) as u32)
}

/// Draws uniformly between `low` and `high`, both included.
fn between(low: Duration, high: Duration) -> Duration {
    let nanos = |wait: Duration| u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
    match high.checked_sub(low) {
        None | Some(Duration::ZERO) => low,
        // A span of more than 584 years is cut to that.
        Some(span) => low.saturating_add(Duration::from_nanos(fastrand::u64(0..=nanos(span)))),
    }
}

/// Returns number `n` of 1, 1, 2, 3, 5 …, saturating at `u32::MAX`.
fn fibonacci(n: u32) -> u32 {
    let (mut current, mut next) = (1_u32, 1_u32);
    for _ in 0..n.min(48) {
        (current, next) = (next, current.saturating_add(next));
    }
    current
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn kinds() -> impl Strategy<Value = Backoff> {
        (0..5, 0_u64..100_000, 0_u64..100_000, 1.0..10.0_f64).prop_map(|(kind, base, increment, factor)| {
            let (base, increment) = (MS * base as u32, MS * increment as u32);
            match kind {
                0 => Backoff::fixed(base),
                1 => Backoff::linear(base, increment),
                2 => Backoff::exponential(base).multiplier(factor),
                3 => Backoff::fibonacci(base),
                _ => Backoff::decorrelated(base),
            }
        })
    }

    fn jitters() -> impl Strategy<Value = Jitter> {
        prop_oneof![
            Just(Jitter::None),
            Just(Jitter::Full),
            Just(Jitter::Equal),
            (0.0..=1.0_f64).prop_map(Jitter::Proportional),
        ]
    }

    proptest! {
        /// [S9] The cap is an upper bound after jitter, for every kind, jitter and attempt.
        #[test]
        fn no_wait_is_longer_than_the_cap(
            backoff in kinds(), jitter in jitters(), extra in 0_u64..10_000, attempt: u32,
        ) {
            let cap = backoff.base().unwrap() + MS * extra as u32;
            let wait = backoff.jitter(jitter).max(cap).delay(attempt);
            prop_assert!(wait <= cap, "{wait:?} > {cap:?}");
        }

        /// [S9] No attempt up to `u32::MAX` overflows or panics, even without a cap.
        #[test]
        fn nothing_overflows(backoff in kinds(), jitter in jitters(), attempt: u32, huge: bool) {
            let backoff = if huge { Backoff::exponential(Duration::MAX) } else { backoff };
            let _ = backoff.clone().jitter(jitter).delay(attempt);
            let _ = backoff.jitter(jitter).delay(u32::MAX);
        }

        /// Each jitter stays within its documented bounds.
        #[test]
        fn jitter_keeps_its_bounds(millis in 0_u32..1_000_000, factor in 0.0..=1.0_f64) {
            let wait = MS * millis;
            let of = |jitter| Backoff::fixed(wait).jitter(jitter).delay(1);
            prop_assert!(of(Jitter::Full) <= wait);
            let equal = of(Jitter::Equal);
            prop_assert!(wait / 2 <= equal && equal <= wait);
            let proportional = of(Jitter::Proportional(factor));
            prop_assert!(scale(wait, 1.0 - factor) <= proportional && proportional <= scale(wait, 1.0 + factor));
        }
    }

    /// [S9] Every kind gives the waits that its constructor documents.
    #[test]
    fn waits_of_each_kind() {
        let table: [(Backoff, [u64; 6]); 5] = [
            (Backoff::none(), [0; 6]),
            (Backoff::fixed(MS * 7), [7; 6]),
            (Backoff::linear(MS * 10, MS * 5), [10, 15, 20, 25, 30, 35]),
            (Backoff::exponential(MS * 10).multiplier(3.0), [10, 30, 90, 270, 810, 2430]),
            (Backoff::fibonacci(MS * 10), [10, 10, 20, 30, 50, 80]),
        ];
        for (backoff, expected) in table {
            let backoff = backoff.jitter(Jitter::None);
            let waits: Vec<_> = (1..=6).map(|attempt| backoff.delay(attempt).as_millis() as u64).collect();
            assert_eq!(waits, expected, "{backoff:?}");
        }
    }

    /// [S9] An iterator gives the waits, again for each call, and its end ends the retries.
    #[test]
    fn an_iterator_gives_the_waits() {
        let backoff = Backoff::iterator(|| [1, 2].into_iter().map(|n| MS * n));
        for _call in 0..2 {
            let mut waits = BackoffState::new();
            assert_eq!([1, 2, 3].map(|n| waits.next(&backoff, n)), [Some(MS), Some(MS * 2), None]);
        }
    }

    /// [S9] Decorrelated waits are between the base and three times the previous wait.
    #[test]
    fn decorrelated_depends_on_the_previous_wait() {
        let backoff = Backoff::decorrelated(MS * 10).max(MS * 500);
        for _call in 0..200 {
            let (mut waits, mut previous) = (BackoffState::new(), MS * 10);
            for attempt in 1..20 {
                let wait = waits.next(&backoff, attempt).unwrap();
                assert!(
                    wait >= MS * 10 && wait <= (previous * 3).min(MS * 500),
                    "{wait:?} after {previous:?}"
                );
                previous = wait;
            }
        }
    }

    /// Waits with jitter differ from call to call.
    #[test]
    fn jitter_spreads() {
        let backoff = Backoff::exponential(MS * 1000);
        let first = backoff.delay(1);
        assert!((0..100).any(|_| backoff.delay(1) != first));
    }

    /// Draws many waits from `draw` with a fixed seed. Returns the shortest and the longest.
    fn range(mut draw: impl FnMut() -> Duration) -> (Duration, Duration) {
        fastrand::seed(42);
        let waits: Vec<_> = (0..10_000).map(|_| draw()).collect();
        (*waits.iter().min().unwrap(), *waits.iter().max().unwrap())
    }

    /// Asserts that waits are within `low` and `high`, and get close to both.
    fn assert_spans(drawn: (Duration, Duration), low: Duration, high: Duration) {
        let margin = (high - low) / 100;
        assert!(drawn.0 >= low && drawn.0 <= low + margin, "{:?} is not the low end {low:?}", drawn.0);
        assert!(drawn.1 <= high && drawn.1 >= high - margin, "{:?} is not the high end {high:?}", drawn.1);
    }

    /// Each jitter uses its whole documented range, below the wait as well as above it.
    #[test]
    fn jitter_uses_its_whole_range() {
        for (jitter, low, high) in [
            (Jitter::None, 1000, 1000),
            (Jitter::Full, 0, 1000),
            (Jitter::Equal, 500, 1000),
            (Jitter::Proportional(0.0), 1000, 1000),
            (Jitter::Proportional(0.2), 800, 1200),
            (Jitter::Proportional(1.0), 0, 2000),
        ] {
            let backoff = Backoff::fixed(MS * 1000).jitter(jitter);
            assert_spans(range(|| backoff.delay(1)), MS * low, MS * high);
        }
        // The cap cuts only the upper part.
        let capped = Backoff::fixed(MS * 1000).jitter(Jitter::Proportional(0.5)).max(MS * 1100);
        assert_spans(range(|| capped.delay(1)), MS * 500, MS * 1100);
    }

    /// A decorrelated wait uses the whole range between the base and three times the previous wait.
    #[test]
    fn decorrelated_uses_its_whole_range() {
        let backoff = Backoff::decorrelated(MS * 100);
        assert_spans(range(|| backoff.delay(1)), MS * 100, MS * 300);
        let capped = Backoff::decorrelated(MS * 100).max(MS * 150);
        assert_spans(range(|| capped.delay(1)), MS * 100, MS * 150);
        let second = range(|| {
            let mut state = BackoffState { previous: Some(MS * 200), iterator: None };
            state.next(&backoff, 2).unwrap()
        });
        assert_spans(second, MS * 100, MS * 600);
    }

    /// The jitter added to a server's wait is 10 % of it, but at least the base, and none without a jitter.
    #[test]
    fn added_jitter_by_wait_and_base() {
        let equal = Backoff::exponential(MS * 200);
        for (backoff, wait, max) in [
            (equal.clone(), 1000, 200),
            (equal.clone(), 2000, 200),
            (equal.clone(), 5000, 500),
            (equal.clone().jitter(Jitter::None), 5000, 0),
            (equal.clone().jitter(Jitter::Proportional(0.0)), 5000, 0),
            (equal.clone().jitter(Jitter::Proportional(0.1)), 5000, 500),
            (equal.jitter(Jitter::Full), 5000, 500),
            (Backoff::decorrelated(MS * 200), 5000, 500),
            (Backoff::iterator(|| [MS].into_iter()).jitter(Jitter::Full), 5000, 500),
        ] {
            let added = backoff.added_jitter(MS * wait);
            assert_eq!(added.max(), MS * max, "{backoff:?} after {wait} ms");
            assert_spans(range(|| added.draw()), Duration::ZERO, MS * max);
            assert_eq!(added.at_most(MS).max(), MS.min(MS * max));
        }
    }

    /// The base may equal the cap, and a base of zero is refused only if it grows.
    #[test]
    fn limits_of_base_and_cap() {
        let second = MS * 1000;
        let accepted = |backoff: Backoff| backoff.check("backoff").is_ok();
        assert!(accepted(Backoff::exponential(second).max(second)));
        assert!(!accepted(Backoff::exponential(second + MS).max(second)));
        assert!(accepted(Backoff::exponential(Backoff::DEFAULT_MAX)));
        assert!(!accepted(Backoff::exponential(Backoff::DEFAULT_MAX + MS)));
        assert!(
            accepted(Backoff::exponential(Backoff::DEFAULT_MAX + MS).multiplier(1.0)),
            "it does not grow"
        );
        assert!(accepted(Backoff::none()) && accepted(Backoff::linear(Duration::ZERO, MS)));
        assert!(!accepted(Backoff::exponential(Duration::ZERO)));
        for (factor, good) in [(1.0, true), (0.999, false), (f64::INFINITY, false), (f64::NAN, false)] {
            assert_eq!(accepted(Backoff::exponential(MS).multiplier(factor)), good, "{factor}");
        }
        for (factor, good) in [(0.0, true), (1.0, true), (-0.001, false), (1.001, false), (f64::NAN, false)] {
            assert_eq!(accepted(Backoff::fixed(MS).jitter(Jitter::Proportional(factor))), good, "{factor}");
        }
    }
}
