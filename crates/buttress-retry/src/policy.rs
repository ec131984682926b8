//! `Policy`: whether to repeat, and when. A plain value: facts go in, a decision comes out.

use std::time::Duration;

use buttress_error::{Class, ConfigError, Kind, Retry, Stop};
use tokio::time::Instant;

use crate::backoff::Waits;
use crate::{Backoff, Budget};

/// Whether to repeat a failed call, and when.
///
/// | setting | unit | range | default |
/// |---|---|---|---|
/// | [`max_attempts`](PolicyBuilder::max_attempts) | attempts, the first included | 1 or more | 3 |
/// | [`backoff`](PolicyBuilder::backoff) | | | exponential, base 50 ms, factor 2, cap 5 s, full jitter |
/// | [`throttled_backoff`](PolicyBuilder::throttled_backoff) | | | the same with base 1 s |
/// | [`max_retry_after`](PolicyBuilder::max_retry_after) | time | any | 60 s |
/// | [`retry_after_slack`](PolicyBuilder::retry_after_slack) | time | any | none |
/// | [`min_attempt_time`](PolicyBuilder::min_attempt_time) | time | any | 0 |
/// | [`budget`](PolicyBuilder::budget) | retries | | 20 % of the requests + 10 per second, over 10 s |
///
/// Repeated are failures whose class says [`Retry::Call`] and that no retry layer has given up on: a request that was
/// provably not sent always, any other only if it is idempotent. Rejections by a layer of this stack are not.
///
/// Clones share the budget. See [`RetryLayer`](crate::RetryLayer) and [`retry`](crate::retry).
///
/// ```
/// use std::time::Duration;
/// use buttress_retry::{Backoff, Policy};
///
/// # fn main() -> Result<(), buttress_retry::ConfigError> {
/// let policy = Policy::exponential().max_attempts(4).build()?;
/// let gentle = Policy::fixed(Duration::from_secs(5)).max_attempts(3).build()?;
/// assert!(Policy::exponential().max_attempts(0).build().is_err());
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Policy {
    settings: PolicyBuilder,
}

/// Settings of a [`Policy`], checked by [`build`](Self::build).
#[derive(Clone, Debug)]
#[must_use = "nothing is made before `build`"]
pub struct PolicyBuilder {
    max_attempts: u32,
    backoff: Backoff,
    throttled: Option<Backoff>,
    max_retry_after: Duration,
    retry_after_slack: Option<Duration>,
    min_attempt_time: Duration,
    repeat_rejections: bool,
    outermost_owns: bool,
    budget: Option<Budget>,
}

/// What is known when an attempt has failed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    pub(crate) class: Class,
    /// Attempts made, the first included.
    pub(crate) attempts: u32,
    pub(crate) now: Instant,
    pub(crate) deadline: Option<Instant>,
    pub(crate) idempotent: bool,
    pub(crate) replayable: bool,
    pub(crate) owned_outside: bool,
}

impl Policy {
    /// Settings with the defaults: exponential backoff with full jitter.
    pub fn exponential() -> PolicyBuilder {
        let backoff = |base| Backoff::exponential(Duration::from_millis(base)).max(Duration::from_secs(5));
        PolicyBuilder {
            max_attempts: 3,
            backoff: backoff(50),
            throttled: Some(backoff(1000)),
            max_retry_after: Duration::from_secs(60),
            retry_after_slack: None,
            min_attempt_time: Duration::ZERO,
            repeat_rejections: false,
            outermost_owns: false,
            budget: Some(Budget::default()),
        }
    }

    /// Settings that wait `wait` before each retry; the rest as in [`exponential`](Self::exponential).
    pub fn fixed(wait: Duration) -> PolicyBuilder {
        Self::exponential().backoff(Backoff::fixed(wait))
    }

    /// Attempts at most, the first included.
    #[must_use]
    pub const fn max_attempts(&self) -> u32 {
        self.settings.max_attempts
    }

    /// The longest that one call can wait in all: after failures, and after throttles. A server that asks for a
    /// longer wait is heeded beyond that: see [`longest_asked_waits`](Self::longest_asked_waits).
    #[must_use]
    pub fn longest_waits(&self) -> (Duration, Duration) {
        let failed = self.sum_waits(&self.settings.backoff, |wait| wait);
        let throttled = self.settings.throttled.as_ref();
        (failed, throttled.map_or(failed, |backoff| self.sum_waits(backoff, |wait| wait)))
    }

    /// The same, whatever the failures, where the server asks each time for as long a wait as is heeded.
    #[must_use]
    pub fn longest_asked_waits(&self) -> Duration {
        let sum = |backoff| self.sum_waits(backoff, |wait| self.heeded(wait, Duration::MAX));
        let throttled = self.settings.throttled.as_ref();
        throttled.map_or(Duration::ZERO, sum).max(sum(&self.settings.backoff))
    }

    /// The waits of one call at most, each as `heeded` makes it.
    fn sum_waits(&self, backoff: &Backoff, heeded: impl Fn(Duration) -> Duration) -> Duration {
        // Waits stop growing long before; a policy of four billion attempts is summed up to here.
        (1..self.settings.max_attempts.min(10_000))
            .map(|attempt| heeded(backoff.longest(attempt)))
            .fold(Duration::ZERO, Duration::saturating_add)
    }

    pub(crate) const fn outermost_owns(&self) -> bool {
        self.settings.outermost_owns
    }

    /// What bounds the retries of all calls together.
    #[must_use]
    pub const fn budget(&self) -> Option<&Budget> {
        self.settings.budget.as_ref()
    }

    /// The wait before the next attempt, or why there is none. The questions come in a fixed order, the first "no" is
    /// the answer: may it be repeated, are attempts left, is there time? (The budget is asked last, by the caller.)
    pub(crate) fn decide(&self, facts: &Facts, waits: &mut Waits) -> Result<Duration, Stop> {
        let settings = &self.settings;
        let class = &facts.class;
        if class.exhausted || class.retry != Retry::Call {
            return Err(Stop::NotRetryable);
        }
        if class.kind == Kind::Rejected && !(settings.repeat_rejections && class.retry_after.is_some()) {
            return Err(Stop::Rejected);
        }
        if !class.repeatable(facts.idempotent) {
            return Err(Stop::NotIdempotent);
        }
        if facts.owned_outside {
            return Err(Stop::OwnedOutside);
        }
        if facts.attempts >= settings.max_attempts {
            return Err(Stop::Attempts);
        }
        if !facts.replayable {
            return Err(Stop::NotReplayable);
        }
        let wait = self.wait(facts, waits).ok_or(Stop::Attempts)?;
        if class.kind == Kind::Rejected && class.retry_after.is_some_and(|asked| asked > wait) {
            // The cut wait would end while the layer still refuses.
            return Err(Stop::Rejected);
        }
        match facts.deadline {
            Some(deadline) if !self.fits(facts.now, wait, deadline) => Err(Stop::Deadline),
            _ => Ok(wait),
        }
    }

    /// The backoff, or the longer wait that the server asked for, cut to what the settings allow.
    fn wait(&self, facts: &Facts, waits: &mut Waits) -> Option<Duration> {
        let settings = &self.settings;
        let backoff = match &settings.throttled {
            Some(backoff) if facts.class.kind == Kind::Throttled => backoff,
            _ => &settings.backoff,
        };
        let wait = waits.next(backoff, facts.attempts)?;
        Some(facts.class.retry_after.map_or(wait, |asked| self.heeded(wait, asked)))
    }

    /// The wait where the backoff says `wait` and the server `asked` for another.
    fn heeded(&self, wait: Duration, asked: Duration) -> Duration {
        let settings = &self.settings;
        let longest = settings.retry_after_slack.map_or(Duration::MAX, |slack| wait.saturating_add(slack));
        asked.min(settings.max_retry_after).clamp(wait, longest)
    }

    /// Would the next attempt begin with enough time left?
    fn fits(&self, now: Instant, wait: Duration, deadline: Instant) -> bool {
        let needed = slept(wait).saturating_add(self.settings.min_attempt_time);
        now.checked_add(needed).is_some_and(|begin| begin < deadline)
    }
}

/// How long a wait really takes: tokio's timer counts in milliseconds, and rounds up.
fn slept(wait: Duration) -> Duration {
    const TICK: u32 = 1_000_000;
    match wait.subsec_nanos() % TICK {
        0 => wait,
        rest => wait.saturating_add(Duration::from_nanos(u64::from(TICK - rest))),
    }
}

/// The defaults of the table above.
impl Default for Policy {
    fn default() -> Self {
        Self { settings: Self::exponential() }
    }
}

impl PolicyBuilder {
    /// Attempts at most, the first call included. At least 1, which repeats nothing. Default: 3.
    pub const fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts;
        self
    }

    /// How long to wait before each retry, after a throttle too (unless
    /// [`throttled_backoff`](Self::throttled_backoff) follows).
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self.throttled = None;
        self
    }

    /// How long to wait after a failure of kind [`Throttled`](Kind::Throttled).
    pub fn throttled_backoff(mut self, backoff: Backoff) -> Self {
        self.throttled = Some(backoff);
        self
    }

    /// The longest wait that a server may ask for. Default: 60 s.
    pub const fn max_retry_after(mut self, wait: Duration) -> Self {
        self.max_retry_after = wait;
        self
    }

    /// Waits at most this much longer than the backoff, whatever the server asks for: the AWS SDKs' rule, with 5 s.
    /// Default: as long as the server asks for.
    pub const fn retry_after_slack(mut self, slack: Duration) -> Self {
        self.retry_after_slack = Some(slack);
        self
    }

    /// The time that an attempt needs to be of any use: none is begun with less of it left before the deadline.
    /// Default: 0, where an attempt only has to begin before the deadline.
    pub const fn min_attempt_time(mut self, time: Duration) -> Self {
        self.min_attempt_time = time;
        self
    }

    /// Bounds the retries of all calls together.
    pub fn budget(mut self, budget: Budget) -> Self {
        self.budget = Some(budget);
        self
    }

    /// No bound but each call's own. In an outage this multiplies the traffic by the number of attempts.
    ///
    /// A ratio budget reads the clock when a call begins. Without one no clock is read before the first failure, and
    /// [`Effort::elapsed`](buttress_error::Effort::elapsed) counts from there.
    pub fn no_budget(mut self) -> Self {
        self.budget = None;
        self
    }

    /// Repeats also what a layer of this stack has refused, if it says when to come back and that wait is not cut by
    /// [`max_retry_after`](Self::max_retry_after) or the deadline. Default: a rejection ends the call.
    pub const fn repeat_rejections(mut self) -> Self {
        self.repeat_rejections = true;
        self
    }

    /// Only this layer repeats: retry layers further in try once. Default: the retry next to the failure repeats, and
    /// those further out leave alone what it has given up on.
    pub const fn outermost_owns(mut self) -> Self {
        self.outermost_owns = true;
        self
    }

    /// The policy.
    ///
    /// # Errors
    /// If there are zero attempts, or a backoff has a cap below its base, a multiplier below 1.0, or a proportional
    /// jitter outside 0.0..=1.0.
    pub fn build(self) -> Result<Policy, ConfigError> {
        if self.max_attempts == 0 {
            return Err(ConfigError::new("max_attempts", "at least 1", self.max_attempts));
        }
        self.backoff.check("backoff")?;
        if let Some(throttled) = &self.throttled {
            throttled.check("throttled_backoff")?;
        }
        Ok(Policy { settings: self })
    }
}
