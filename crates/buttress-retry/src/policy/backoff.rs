//! `Backoff`: how long to wait before each retry.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use buttress_error::ConfigError;

type Iter = Box<dyn Iterator<Item = Duration> + Send>;

/// How long to wait before each retry. Attempt 1 is the wait before the first retry.
///
/// The cap comes first, then jitter on the capped wait, then the cap again: it is an upper bound, always. Nothing
/// overflows for any attempt up to `u32::MAX`; the wait saturates at the cap, or without one at [`Duration::MAX`]. In a
/// [`Policy`](crate::Policy) a backoff that grows has a cap of 5 s unless [`max`](Self::max) sets another.
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
    /// The multiplier of an exponential backoff, where one was set; no other kind may have one.
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

/// How a wait is spread, so that callers that failed together don't come back together.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Jitter {
    /// The wait as it is.
    None,
    /// Uniform between zero and the wait: spreads best.
    Full,
    /// Uniform between half the wait and the wait.
    Equal,
    /// Uniform between the wait times `1 − factor` and times `1 + factor`; the factor is in 0.0..=1.0.
    Proportional(f64),
}

impl Backoff {
    /// The cap that a policy gives a backoff that grows without one.
    pub(super) const DEFAULT_MAX: Duration = Duration::from_secs(5);

    const fn new(kind: Kind, jitter: Jitter) -> Self {
        Self { kind, max: None, jitter, multiplier: None }
    }

    /// No wait at all.
    #[must_use]
    pub const fn none() -> Self {
        Self::fixed(Duration::ZERO)
    }

    /// Always `base`, without jitter.
    #[must_use]
    pub const fn fixed(base: Duration) -> Self {
        Self::new(Kind::Fixed { base }, Jitter::None)
    }

    /// `base`, then `increment` more each time; equal jitter.
    #[must_use]
    pub const fn linear(base: Duration, increment: Duration) -> Self {
        Self::new(Kind::Linear { base, increment }, Jitter::Equal)
    }

    /// `base`, then twice as much each time (see [`multiplier`](Self::multiplier)); equal jitter.
    #[must_use]
    pub const fn exponential(base: Duration) -> Self {
        Self::new(Kind::Exponential { base }, Jitter::Equal)
    }

    /// `base` times 1, 1, 2, 3, 5, 8 …; equal jitter.
    #[must_use]
    pub const fn fibonacci(base: Duration) -> Self {
        Self::new(Kind::Fibonacci { base }, Jitter::Equal)
    }

    /// Uniform between `base` and three times the wait before. It is random by itself: a policy refuses a jitter on top.
    #[must_use]
    pub const fn decorrelated(base: Duration) -> Self {
        Self::new(Kind::Decorrelated { base }, Jitter::None)
    }

    /// The waits of an iterator, created again for each call, without jitter. Its end ends the retries. So does
    /// [`max_attempts`](crate::PolicyBuilder::max_attempts): with the default of 4 attempts, 3 waits are taken.
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

    /// Caps every wait, jitter included, at `max`, which is no less than the base. [`Duration::MAX`] is no cap.
    ///
    /// Default: in a policy 5 s for the kinds that grow (linear, exponential, Fibonacci, decorrelated), and none for a fixed
    /// wait or an iterator, whose waits are given one by one. Outside a policy there is no cap.
    #[must_use]
    pub const fn max(mut self, max: Duration) -> Self {
        self.max = Some(max);
        self
    }

    /// How waits are spread. Default: that of the kind, as its constructor says.
    #[must_use]
    pub const fn jitter(mut self, jitter: Jitter) -> Self {
        self.jitter = jitter;
        self
    }

    /// Sets the factor by which an exponential wait grows each time: 1.0 or more. A policy refuses it for other kinds.
    /// Default: 2.0.
    #[must_use]
    pub const fn multiplier(mut self, factor: f64) -> Self {
        self.multiplier = Some(factor);
        self
    }

    /// Sets the base; an iterator has none and refuses it.
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

    /// The cap that was set by [`max`](Self::max).
    pub(super) const fn own_max(&self) -> Option<Duration> {
        self.max
    }

    /// Returns `true` if each wait may be longer than the one before.
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

    /// The wait before retry number `attempt`, the first being 1 (0 is taken as 1). Random where there is jitter.
    ///
    /// Of a decorrelated backoff or an iterator, which remember, it is the wait after `attempt − 1` earlier ones, but
    /// no more than 4096; zero past an iterator's end.
    #[must_use]
    pub fn delay(&self, attempt: u32) -> Duration {
        let attempt = attempt.max(1);
        let mut waits = BackoffState::new();
        match self.kind {
            Kind::Decorrelated { .. } | Kind::Iterator(_) => {
                // A call that makes more waits has long converged or ended.
                let earlier = (attempt - 1).min(4096);
                for _ in 0..earlier {
                    let _ = waits.next(self, attempt);
                }
            }
            _ => {}
        }
        waits.next(self, attempt).unwrap_or_default()
    }

    /// The longest waits of one call, one after the other.
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

    /// The jitter on top of a `wait` that the server asked for: 10 % of it, but at least the base. None where this backoff
    /// has no jitter.
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

    /// Refuses what can't be meant. `setting` is the name of the setter that took this backoff.
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
            // Zero times any factor is zero: a loop without waits, which is `Backoff::none` where it is meant.
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

/// Jitter on top of a wait: uniform from zero to this.
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

/// What a backoff remembers within one call.
pub(super) struct BackoffState {
    previous: Option<Duration>,
    iterator: Option<Iter>,
}

impl BackoffState {
    pub(super) const fn new() -> Self {
        Self { previous: None, iterator: None }
    }

    /// The wait before retry number `attempt`, from 1; none when an iterator has ended.
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

/// `wait` times `factor`, saturating. Whole factors that fit are exact; nothing is negative.
fn scale(wait: Duration, factor: f64) -> Duration {
    if wait.is_zero() {
        return wait;
    }
    let nanos = wait.as_nanos() as f64 * factor;
    if nanos >= Duration::MAX.as_nanos() as f64 {
        return Duration::MAX;
    }
    // Rounded: 1 s times 1.1 is 1.1 s. Not negative and below the maximum, so the cast is what it seems.
    let nanos = nanos.round().max(0.0) as u128;
    Duration::new((nanos / 1_000_000_000) as u64, (nanos % 1_000_000_000) as u32)
}

/// Uniform between `low` and `high`, both included.
fn between(low: Duration, high: Duration) -> Duration {
    let nanos = |wait: Duration| u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
    match high.checked_sub(low) {
        None | Some(Duration::ZERO) => low,
        // A span beyond 584 years is drawn from 584 years.
        Some(span) => low.saturating_add(Duration::from_nanos(fastrand::u64(0..=nanos(span)))),
    }
}

/// 1, 1, 2, 3, 5 …, saturating: after the 47th every number is `u32::MAX`.
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
        /// [S9] the cap is an upper bound after jitter, for every kind, jitter and attempt.
        #[test]
        fn no_wait_is_longer_than_the_cap(
            backoff in kinds(), jitter in jitters(), extra in 0_u64..10_000, attempt: u32,
        ) {
            let cap = backoff.base().unwrap() + MS * extra as u32;
            let wait = backoff.jitter(jitter).max(cap).delay(attempt);
            prop_assert!(wait <= cap, "{wait:?} > {cap:?}");
        }

        /// [S9] no overflow and no panic for attempts up to `u32::MAX`, even without a cap.
        #[test]
        fn nothing_overflows(backoff in kinds(), jitter in jitters(), attempt: u32, huge: bool) {
            let backoff = if huge { Backoff::exponential(Duration::MAX) } else { backoff };
            let _ = backoff.clone().jitter(jitter).delay(attempt);
            let _ = backoff.jitter(jitter).delay(u32::MAX);
        }

        /// Each jitter keeps to the bounds that its docs state.
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

    /// [S9] every kind gives the waits that its name says.
    #[test]
    fn each_kind_by_its_name() {
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

    /// [S9] any iterator can give the waits, anew for each call, and its end ends the retries.
    #[test]
    fn an_iterator_gives_the_waits() {
        let backoff = Backoff::iterator(|| [1, 2].into_iter().map(|n| MS * n));
        for _call in 0..2 {
            let mut waits = BackoffState::new();
            assert_eq!([1, 2, 3].map(|n| waits.next(&backoff, n)), [Some(MS), Some(MS * 2), None]);
        }
    }

    /// [S9] decorrelated waits lie between the base and three times the wait before.
    #[test]
    fn decorrelated_looks_at_the_wait_before() {
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

    /// A wait that is not random is never drawn: two of a full jitter differ.
    #[test]
    fn jitter_spreads() {
        let backoff = Backoff::exponential(MS * 1000);
        let first = backoff.delay(1);
        assert!((0..100).any(|_| backoff.delay(1) != first));
    }
}
