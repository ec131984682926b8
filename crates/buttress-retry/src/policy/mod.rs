//! `Policy`: whether to repeat, and when. A plain value: facts go in, a decision comes out.

pub(crate) mod backoff;
pub(crate) mod builder;
pub(crate) mod overriding;
pub(crate) mod tuning;

pub use backoff::{Backoff, Jitter};
pub use builder::{PolicyBuilder, Progress};
pub use overriding::RetryContext;

use std::sync::Arc;
use std::time::Duration;

use buttress_error::{BreakerEffect, Class, Delivery, Kind, RetryAdvice, StopReason};
use tokio::time::Instant;

use crate::{Budget, Remedy};
use backoff::{Spread, Waits};
use builder::Rule;
use overriding::Start;
use tuning::{BASE, Tuning};

/// Whether to repeat a failed call, and when.
///
/// | setting | unit | range | default |
/// |---|---|---|---|
/// | [`max_attempts`](PolicyBuilder::max_attempts) | attempts, the first included | 1 or more | 4 |
/// | [`base`](PolicyBuilder::base) | time | up to the cap | 200 ms |
/// | [`max_delay`](PolicyBuilder::max_delay) | time | the base or more | 5 s |
/// | [`multiplier`](PolicyBuilder::multiplier) | factor | 1.0 or more | 2.0 |
/// | [`backoff`](PolicyBuilder::backoff) | | | exponential from the base, equal jitter |
/// | [`throttled_backoff`](PolicyBuilder::throttled_backoff) | | | the same from 1 s |
/// | [`max_retry_after`](PolicyBuilder::max_retry_after) | time | any | 60 s |
/// | [`retry_after_slack`](PolicyBuilder::retry_after_slack) | time | any | none |
/// | [`min_attempt_time`](PolicyBuilder::min_attempt_time) | time | any | 0 |
/// | [`max_elapsed`](PolicyBuilder::max_elapsed) | time | any | none |
/// | [`stop_when`](PolicyBuilder::stop_when) | | | never |
/// | [`budget`](PolicyBuilder::budget) | retries | | 20 % of the requests + 2 per second, over 10 s |
/// | [`with_remedy`](PolicyBuilder::with_remedy) | | | none |
/// | [`name`](PolicyBuilder::name) | | | none |
/// | [`retry_rejections`](PolicyBuilder::retry_rejections) | | | no |
/// | [`retry_only_outermost`](PolicyBuilder::retry_only_outermost) | | | no |
///
/// Repeated are failures whose class says [`RetryAdvice::Call`] and that no retry layer has given up on: a request that was
/// provably not sent always, any other only if it is idempotent. Rejections by a layer of this stack are not. So of the
/// [kinds](Kind) unavailable, timeout and throttled are repeated; unknown, which is what an error is that nobody has
/// classified, is not.
///
/// One call may bring another policy in its context, by [`RetryContext`](crate::RetryContext), or only other attempts, by
/// [`Context::with_max_attempts`](buttress_context::Context::with_max_attempts).
///
/// Clones share budget and remedies. See [`RetryLayer`](crate::RetryLayer) and [`retry`](crate::retry).
///
/// ```
/// use std::time::Duration;
/// use buttress_retry::Policy;
///
/// # fn main() -> Result<(), buttress_retry::ConfigError> {
/// let policy = Policy::exponential().max_attempts(6).build()?;
/// let gentle = Policy::fixed(Duration::from_secs(5)).max_attempts(3).build()?;
/// assert!(Policy::exponential().max_attempts(0).build().is_err());
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Policy {
    settings: PolicyBuilder,
    // What every call asks, answered once:
    /// Must the clock be read before anything has failed?
    needs_clock: bool,
    /// Is there nothing to be done when its first attempt succeeds?
    ends_plainly: bool,
    /// How is its first attempt run, where the context says nothing?
    start: Start,
}

/// What is known when an attempt has failed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    pub(crate) class: Class,
    /// Attempts made, the first included.
    pub(crate) attempts: u32,
    /// Attempts at most, where the caller has overridden the policy.
    pub(crate) max_attempts: Option<u32>,
    pub(crate) time: Time,
    pub(crate) idempotent: bool,
    pub(crate) replayable: bool,
    pub(crate) outer_retries: bool,
}

/// How late it is for a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Time {
    pub(crate) now: Instant,
    pub(crate) elapsed: Duration,
    pub(crate) deadline: Option<Instant>,
}

/// What the two backoffs remember within one call: neither knows of the other's waits.
#[derive(Debug)]
pub(crate) struct Memory {
    failed: Waits,
    throttled: Waits,
    /// A failure that allows one retry has had it.
    retried_once: bool,
}

impl Memory {
    pub(crate) const fn new() -> Self {
        Self { failed: Waits::new(), throttled: Waits::new(), retried_once: false }
    }
}

impl Policy {
    pub(crate) fn new(settings: PolicyBuilder) -> Self {
        let budget = settings.budget.as_ref();
        let needs_clock = settings.max_elapsed.is_some() || budget.is_some_and(Budget::needs_clock);
        let start = match settings.max_attempts {
            _ if settings.retry_only_outermost => Start::Apart,
            1 => Start::Once,
            _ => Start::Repeatable,
        };
        Self { needs_clock, ends_plainly: !budget.is_some_and(Budget::counts_successes), start, settings }
    }

    pub(crate) fn add(&mut self, remedy: Remedy) {
        self.settings.remedies.push(remedy);
    }

    /// This policy for a call to what `own` is for. What belongs to that dependency stays: its budget, unless this policy
    /// was given one; its remedies, after those of this policy; who owns the retries; and its name, unless this one has its own.
    pub(crate) fn over(&self, own: &Self) -> Self {
        let mut settings = self.settings.clone();
        if !settings.budget_given {
            settings.budget.clone_from(&own.settings.budget);
        }
        settings.remedies.extend_from_slice(&own.settings.remedies);
        settings.retry_only_outermost |= own.settings.retry_only_outermost;
        settings.name = settings.name.or_else(|| own.settings.name.clone());
        Self::new(settings)
    }

    /// Settings with the defaults: exponential backoff with equal jitter.
    pub fn exponential() -> PolicyBuilder {
        PolicyBuilder {
            max_attempts: 4,
            backoff: Backoff::exponential(BASE),
            throttled: None,
            throttled_given: false,
            tuning: Tuning::default(),
            max_retry_after: Duration::from_secs(60),
            retry_after_slack: None,
            min_attempt_time: Duration::ZERO,
            max_elapsed: None,
            stop_when: None,
            retry_rejections: false,
            retry_only_outermost: false,
            budget: Some(Budget::default()),
            budget_given: false,
            remedies: Vec::new(),
            name: None,
        }
    }

    /// Settings that wait `wait` before each retry, after a throttle too, without jitter; the rest as in [`exponential`](Self::exponential).
    pub fn fixed(wait: Duration) -> PolicyBuilder {
        Self::exponential().backoff(Backoff::fixed(wait))
    }

    /// Its name in events, if it has one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.settings.name.as_deref()
    }

    pub(crate) fn rename(&mut self, name: Arc<str>) {
        self.settings.name = Some(name);
    }

    /// Attempts at most, the first included.
    #[must_use]
    pub const fn max_attempts(&self) -> u32 {
        self.settings.max_attempts
    }

    /// Returns the longest time that one call can spend in backoffs in total, if no attempt is throttled. If the server asks
    /// for longer waits, the bound is [`max_total_wait`](Self::max_total_wait).
    #[must_use]
    pub fn max_total_backoff(&self) -> Duration {
        self.sum_waits(&self.settings.backoff, |wait| wait)
    }

    /// Returns the longest time that one call can spend in backoffs in total, if every attempt is throttled.
    #[must_use]
    pub fn max_total_throttled_backoff(&self) -> Duration {
        let backoff = self.settings.throttled.as_ref().unwrap_or(&self.settings.backoff);
        self.sum_waits(backoff, |wait| wait)
    }

    /// Returns the longest time that one call can wait between its attempts in total, if the server asks for the longest
    /// accepted wait each time.
    #[must_use]
    pub fn max_total_wait(&self) -> Duration {
        let sum = |backoff| {
            self.sum_waits(backoff, |wait| {
                // As well where a jittered backoff is the shorter one and the server asks for a little more.
                let (asked, jitter) = self.heeded(backoff, Duration::ZERO, Duration::MAX);
                let (longest, _) = self.heeded(backoff, wait, Duration::MAX);
                longest.max(asked.saturating_add(jitter.longest()))
            })
        };
        let throttled = self.settings.throttled.as_ref();
        throttled.map_or(Duration::ZERO, sum).max(sum(&self.settings.backoff))
    }

    /// Returns the longest time that one call can wait for its remedies in total, if each runs up to its time limit.
    #[must_use]
    pub fn max_total_remedy_time(&self) -> Duration {
        let limits = self.settings.remedies.iter().map(Remedy::time_limit);
        if self.settings.max_attempts > 1 {
            limits.fold(Duration::ZERO, Duration::saturating_add)
        } else {
            Duration::ZERO
        }
    }

    /// The waits of one call at most, each as `heeded` makes it.
    fn sum_waits(&self, backoff: &Backoff, heeded: impl Fn(Duration) -> Duration) -> Duration {
        // Waits stop growing long before: a policy of four billion attempts need not be summed up to its end.
        const SUMMED: u32 = 10_000;
        let retries = self.settings.max_attempts - 1;
        let (mut sum, mut last, mut left) = (Duration::ZERO, Duration::ZERO, retries);
        for wait in backoff.longest().take(retries.min(SUMMED) as usize) {
            last = heeded(wait);
            sum = sum.saturating_add(last);
            left -= 1;
        }
        if retries - left == SUMMED {
            sum = sum.saturating_add(last.saturating_mul(left));
        }
        sum.min(self.settings.max_elapsed.unwrap_or(Duration::MAX))
    }

    pub(crate) const fn retry_only_outermost(&self) -> bool {
        self.settings.retry_only_outermost
    }

    pub(crate) const fn start(&self) -> Start {
        self.start
    }

    pub(crate) const fn needs_clock(&self) -> bool {
        self.needs_clock
    }

    pub(crate) const fn ends_plainly(&self) -> bool {
        self.ends_plainly
    }

    /// What bounds the retries of all calls together.
    #[must_use]
    pub const fn budget(&self) -> Option<&Budget> {
        self.settings.budget.as_ref()
    }

    /// The wait before the next attempt, or why there is none. The questions come in a fixed order, the first "no" is
    /// the answer: may it be repeated, are attempts left, is there time? (The budget is asked last, by the caller.)
    pub(crate) fn decide(&self, facts: &Facts, waits: &mut Memory) -> Result<Duration, StopReason> {
        let settings = &self.settings;
        let class = &facts.class;
        if class.exhausted || class.retry != RetryAdvice::Call {
            let late = facts.time.deadline.is_some_and(|end| !self.fits(facts.time.now, Duration::ZERO, end));
            let cut = late && class.kind == Kind::DeadlineExceeded;
            return Err(if cut { StopReason::Deadline } else { StopReason::NotRetryable });
        }
        if class.kind == Kind::Rejected && !(settings.retry_rejections && class.retry_after.is_some()) {
            return Err(StopReason::Rejected);
        }
        if !class.is_retryable(facts.idempotent) {
            return Err(StopReason::NotIdempotent);
        }
        self.another(facts)?;
        if class.retry_once && waits.retried_once {
            return Err(StopReason::Attempts);
        }
        let (wait, jitter) = self.wait(facts, waits).ok_or(StopReason::Attempts)?;
        if class.kind == Kind::Rejected && class.retry_after.is_some_and(|asked| asked > wait) {
            // The cut wait would end while the layer still refuses.
            return Err(StopReason::Rejected);
        }
        self.in_time(&facts.time, wait)?;
        waits.retried_once |= class.retry_once;
        Ok(wait.saturating_add(self.that_fits(jitter, wait, &facts.time).random()))
    }

    /// Would a retry follow if the request were known to be idempotent? (The rule of `stop_when` is not called.)
    pub(crate) fn would_repeat(&self, facts: &Facts) -> bool {
        self.attempt_left(facts).is_ok() && self.in_time(&facts.time, Duration::ZERO).is_ok()
    }

    /// The remedy for a failure, if the call may be repeated after it. Whether the failure by itself could be repeated
    /// doesn't matter, as it will be healed; whether the request has done something does.
    pub(crate) fn remedy(&self, facts: &Facts, tried: &[Remedy]) -> Option<&Remedy> {
        let class = &facts.class;
        let wanted = |remedy: &&Remedy| remedy.heals(class) && !tried.iter().any(|other| other.is(remedy));
        let remedy = self.settings.remedies.iter().find(wanted)?;
        // An answer that blames the dependency may come after the work was done: its reply was garbled, or lost in part.
        let refused = class.delivery == Delivery::Processed && class.breaker() != BreakerEffect::Failure;
        let harmless = facts.idempotent || class.delivery == Delivery::NotProcessed || refused;
        let may = !class.exhausted
            && harmless
            && self.another(facts).is_ok()
            && self.in_time(&facts.time, Duration::ZERO).is_ok();
        may.then_some(remedy)
    }

    /// May there be another attempt at all, whatever the failure and the time?
    fn another(&self, facts: &Facts) -> Result<(), StopReason> {
        self.attempt_left(facts)?;
        match &self.settings.stop_when {
            Some(Rule(stops)) if stops(&facts.progress()) => Err(StopReason::Rule),
            _ => Ok(()),
        }
    }

    /// Is there an attempt left, and a request to send?
    fn attempt_left(&self, facts: &Facts) -> Result<(), StopReason> {
        if facts.outer_retries {
            return Err(StopReason::OuterRetries);
        }
        if facts.attempts >= facts.max_attempts.unwrap_or(self.settings.max_attempts) {
            return Err(StopReason::Attempts);
        }
        if facts.replayable { Ok(()) } else { Err(StopReason::NotReplayable) }
    }

    /// Is there time for an attempt after `wait`?
    pub(crate) fn in_time(&self, time: &Time, wait: Duration) -> Result<(), StopReason> {
        let begins = time.elapsed.saturating_add(slept(wait));
        if self.settings.max_elapsed.is_some_and(|longest| begins > longest) {
            return Err(StopReason::Elapsed);
        }
        match time.deadline {
            Some(deadline) if !self.fits(time.now, wait, deadline) => Err(StopReason::Deadline),
            _ => Ok(()),
        }
    }

    /// From when on there is no time for another attempt.
    pub(crate) fn latest(&self, time: &Time) -> Option<Instant> {
        let PolicyBuilder { max_elapsed, min_attempt_time, .. } = &self.settings;
        let by_deadline =
            time.deadline.map(|deadline| deadline.checked_sub(*min_attempt_time).unwrap_or(time.now));
        let left = max_elapsed.map(|longest| longest.saturating_sub(time.elapsed));
        let by_elapsed = left.and_then(|left| time.now.checked_add(left));
        by_deadline.into_iter().chain(by_elapsed).min()
    }

    /// The backoff, or the longer wait that the server asked for, cut to what the settings allow, and the jitter on top.
    fn wait(&self, facts: &Facts, waits: &mut Memory) -> Option<(Duration, Spread)> {
        let settings = &self.settings;
        let (backoff, waits) = match &settings.throttled {
            Some(backoff) if facts.class.kind == Kind::Throttled => (backoff, &mut waits.throttled),
            _ => (&settings.backoff, &mut waits.failed),
        };
        let wait = waits.next(backoff, facts.attempts)?;
        Some(facts.class.retry_after.map_or((wait, Spread::NONE), |asked| self.heeded(backoff, wait, asked)))
    }

    /// The wait where `backoff` says `wait` and the server `asked` for another. Where the server's is the longer one, it is
    /// a minimum, and jitter goes on top: callers that were told the same don't come back together.
    fn heeded(&self, backoff: &Backoff, wait: Duration, asked: Duration) -> (Duration, Spread) {
        let settings = &self.settings;
        let asked = asked.min(settings.max_retry_after);
        match settings.retry_after_slack {
            _ if asked <= wait => (wait, Spread::NONE),
            Some(slack) => (asked.min(wait.saturating_add(slack)), Spread::NONE),
            None => (asked, backoff.spread(asked)),
        }
    }

    /// What of `jitter` fits after `wait`, before there is no time for another attempt.
    fn that_fits(&self, jitter: Spread, wait: Duration, time: &Time) -> Spread {
        let room = self.latest(time).map(|latest| {
            let left = latest.saturating_duration_since(time.now);
            left.saturating_sub(slept(wait).saturating_add(TICK))
        });
        room.map_or(jitter, |room| jitter.at_most(room))
    }

    /// Would the next attempt begin with enough time left?
    fn fits(&self, now: Instant, wait: Duration, deadline: Instant) -> bool {
        let needed = slept(wait).saturating_add(self.settings.min_attempt_time);
        now.checked_add(needed).is_some_and(|begin| begin < deadline)
    }
}

impl Facts {
    fn progress(&self) -> Progress {
        let Self { class, attempts, time: Time { now, elapsed, deadline }, .. } = *self;
        let remaining = deadline.map(|deadline| deadline.saturating_duration_since(now));
        Progress { class, attempts, elapsed, remaining }
    }
}

/// How long a wait really takes: tokio's timer counts in milliseconds, and rounds up.
fn slept(wait: Duration) -> Duration {
    let tick = TICK.subsec_nanos();
    match wait.subsec_nanos() % tick {
        0 => wait,
        rest => wait.saturating_add(Duration::from_nanos(u64::from(tick - rest))),
    }
}

/// The resolution of tokio's timer.
const TICK: Duration = Duration::from_millis(1);

/// The settings of a policy, to change some of them; what is built from them shares its budget and remedies.
impl From<Policy> for PolicyBuilder {
    fn from(policy: Policy) -> Self {
        policy.settings
    }
}

/// The defaults of the table above.
impl Default for Policy {
    fn default() -> Self {
        Self::exponential().build().expect("the defaults are in range")
    }
}
