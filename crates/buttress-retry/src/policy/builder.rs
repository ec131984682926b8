//! `PolicyBuilder`: sets and checks the settings of a policy.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use buttress_error::{ConfigError, Error};

use super::Policy;
use super::backoff::Backoff;
use super::progress::Progress;
use super::settings::{Settings, StopRule};
use crate::budget::Budget;
use crate::remedy::{Remedy, RemedyCondition};

/// Settings of a [`Policy`], checked by [`build`](Self::build).
#[derive(Clone, Debug)]
#[must_use = "`build` makes the policy"]
pub struct PolicyBuilder {
    settings: Settings,
}

impl PolicyBuilder {
    pub(super) fn new() -> Self {
        Self::from_settings(Settings::new())
    }

    pub(super) const fn from_settings(settings: Settings) -> Self {
        Self { settings }
    }

    /// Sets the maximum number of attempts, the first call included: 1 or more; with 1 nothing is retried. Default: 4.
    pub const fn max_attempts(mut self, attempts: u32) -> Self {
        self.settings.max_attempts = attempts;
        self
    }

    /// Sets the base of the backoff: the longest wait before the first retry after a transient failure. At most the cap;
    /// above zero, unless the backoff is fixed or linear. Default: 200 ms. It changes neither the cap nor the waits after a
    /// throttle.
    ///
    /// ```
    /// use std::time::Duration;
    /// use buttress_retry::Policy;
    ///
    /// # fn main() -> Result<(), buttress_retry::ConfigError> {
    /// let ms = Duration::from_millis;
    /// let quick = Policy::exponential().base(ms(20)).max_delay(ms(500)).multiplier(3.0).build()?;
    /// assert_eq!(quick.max_total_backoff(), ms(20 + 60 + 180));
    /// # Ok(()) }
    /// ```
    pub const fn base(mut self, wait: Duration) -> Self {
        self.settings.tuning.base = Some(wait);
        self
    }

    /// Sets the cap of every backoff, jitter included: at least the base. Default: 5 s. If a backoff has a
    /// [cap of its own](Backoff::max), the lower one applies. The default backoff after a throttle starts at the cap if that
    /// is below 1 s. The cap of a server's Retry-After is [`max_retry_after`](Self::max_retry_after).
    pub const fn max_delay(mut self, wait: Duration) -> Self {
        self.settings.tuning.max_delay = Some(wait);
        self
    }

    /// Sets the factor by which the waits of an exponential backoff grow: a finite number of 1.0 or more. Default: 2.0.
    /// It applies after a throttle too, unless [`throttled_backoff`](Self::throttled_backoff) was set. Other backoffs
    /// refuse it.
    pub const fn multiplier(mut self, factor: f64) -> Self {
        self.settings.tuning.multiplier = Some(factor);
        self
    }

    /// Sets the backoff after every failure, throttles included, unless
    /// [`throttled_backoff`](Self::throttled_backoff) follows. To change single numbers of the default backoff use
    /// [`base`](Self::base), [`max_delay`](Self::max_delay) and [`multiplier`](Self::multiplier).
    ///
    /// A backoff that grows keeps the cap of 5 s, unless [`Backoff::max`] or [`max_delay`](Self::max_delay) sets another.
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.settings.backoff = backoff;
        self.settings.throttled = None;
        self.settings.throttled_given = true;
        self
    }

    /// Sets the backoff after a failure of kind [`Throttled`](buttress_error::Kind::Throttled). Default: exponential from
    /// 1 s, cap 5 s, equal jitter; if [`backoff`](Self::backoff) was set, that one. A backoff that grows keeps the cap of
    /// 5 s, unless [`Backoff::max`] or [`max_delay`](Self::max_delay) sets another.
    pub fn throttled_backoff(mut self, backoff: Backoff) -> Self {
        self.settings.throttled = Some(backoff);
        self.settings.throttled_given = true;
        self
    }

    /// Sets the longest wait accepted from a server; a longer one is cut to this. Jitter goes on top: up to 10 % of the
    /// wait, or up to the base of the backoff if that is more. Zero ignores Retry-After. Default: 60 s.
    pub const fn max_retry_after(mut self, wait: Duration) -> Self {
        self.settings.max_retry_after = wait;
        self
    }

    /// Limits a server's wait to the backoff plus `slack`. With 5 s this is the rule of the AWS SDKs. Default: no such
    /// limit.
    pub const fn retry_after_slack(mut self, slack: Duration) -> Self {
        self.settings.retry_after_slack = Some(slack);
        self
    }

    /// Sets the time that an attempt needs to be useful: no retry is scheduled with less time than this left before the
    /// deadline. (When it is due, it may still have to wait until the inner service is ready.) Default: 0, so that a retry
    /// only has to begin before the deadline.
    pub const fn min_attempt_time(mut self, time: Duration) -> Self {
        self.settings.min_attempt_time = time;
        self
    }

    /// Sets the time after the start of the call beyond which no retry begins. Default: no limit except the deadline of the
    /// context. It does not cut an attempt that is running; use a timeout around the attempt for that.
    ///
    /// With this setting the clock is read when a call begins.
    pub const fn max_elapsed(mut self, time: Duration) -> Self {
        self.settings.max_elapsed = Some(time);
        self
    }

    /// Stops retrying when `rule` returns `true`. Default: never.
    ///
    /// The rule is called for each failure that would otherwise be retried. The other limits still apply. A second rule
    /// replaces the first; combine conditions with `&&` and `||` in one rule. A rule that depends on the response or the
    /// error itself belongs in the classifier.
    ///
    /// ```
    /// use std::time::Duration;
    /// use buttress_error::Kind;
    /// use buttress_retry::Policy;
    ///
    /// # fn main() -> Result<(), buttress_retry::ConfigError> {
    /// let patient = Policy::exponential()
    ///     .max_attempts(u32::MAX)
    ///     .stop_when(|call| call.attempts >= 5 && call.elapsed >= Duration::from_secs(30))
    ///     .build()?;
    /// let once_after_timeouts = Policy::exponential()
    ///     .stop_when(|call| call.class.kind == Kind::Timeout && call.attempts >= 2)
    ///     .build()?;
    /// # Ok(()) }
    /// ```
    pub fn stop_when(mut self, rule: impl Fn(&Progress) -> bool + Send + Sync + 'static) -> Self {
        self.settings.stop_when = Some(StopRule(Arc::new(rule)));
        self
    }

    /// Sets the name in the field `retry` of events: usually the name of the dependency. Default: none.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.settings.name = Some(name.into());
        self
    }

    /// Adds a [`Remedy`] with default settings: on a failure that meets `condition` it runs `action` with a clone of
    /// `state`, and then the call is retried.
    pub fn remedy<T, F, Fut, O, E>(self, condition: RemedyCondition, state: T, action: F) -> Self
    where
        T: Clone + Send + Sync + 'static,
        F: Fn(T) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<O, E>> + Send + 'static,
        E: Into<Error>,
    {
        self.with_remedy(Remedy::run(condition, state, action).unchecked())
    }

    /// Adds `remedy`. A failure runs the first remedy that applies to it and that this call has not tried yet; then the
    /// call is retried.
    pub fn with_remedy(mut self, remedy: Remedy) -> Self {
        self.settings.remedies.push(remedy);
        self
    }

    /// Sets the budget that bounds the retries of all calls together. Default: each new builder has a new
    /// [`Budget::default`], which its clones and the policies built from them share.
    pub fn budget(mut self, budget: Budget) -> Self {
        self.settings.budget = Some(budget);
        self.settings.budget_given = true;
        self
    }

    /// Removes the budget, so that only the limits of each call remain. In an outage this multiplies the traffic by the
    /// number of attempts.
    ///
    /// Without a ratio budget no clock is read before the first failure, and
    /// [`RetrySummary::elapsed`](buttress_error::RetrySummary::elapsed) counts from there.
    pub fn no_budget(mut self) -> Self {
        self.settings.budget = None;
        self.settings.budget_given = true;
        self
    }

    /// Also retries rejections by layers of this stack, if the rejection has a `retry_after` that fits
    /// [`max_retry_after`](Self::max_retry_after) and the deadline. Default: a rejection ends the call.
    pub const fn retry_rejections(mut self) -> Self {
        self.settings.retry_rejections = true;
        self
    }

    /// Makes this layer the only one that retries: inner retry layers make one attempt. Default: the retry layer closest to
    /// the failure retries, and outer ones leave alone the failures that it has exhausted.
    pub const fn disable_inner_retries(mut self) -> Self {
        self.settings.disable_inner_retries = true;
        self
    }

    /// Builds the policy.
    ///
    /// # Errors
    /// If there are zero attempts, or if a backoff is invalid: a cap below its base; a base of zero that grows; a base
    /// above the default cap of 5 s without a cap of its own; a multiplier below 1.0, or on a backoff that is not
    /// exponential; a proportional jitter outside 0.0..=1.0; a jitter on a decorrelated backoff; a [`base`](Self::base) for
    /// an iterator.
    pub fn build(self) -> Result<Policy, ConfigError> {
        let Self { mut settings } = self;
        if settings.max_attempts == 0 {
            return Err(ConfigError::new("max_attempts", "at least 1", settings.max_attempts));
        }
        settings.backoff = settings.tuning.tune(settings.backoff)?;
        settings.throttled = match settings.throttled {
            Some(given) if settings.throttled_given => Some(settings.tuning.cap_throttled(given)?),
            None if settings.throttled_given => None,
            _ => Some(settings.tuning.default_throttled()),
        };
        Ok(Policy::new(settings))
    }
}
