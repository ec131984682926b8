//! `PolicyBuilder`: the settings of a policy, and the rules that its user gives it.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use buttress_error::{Class, ConfigError, Error};

use crate::policy::tuning::Tuning;
use crate::{Backoff, Budget, Policy, Remedy, RemedyCondition};

/// Settings of a [`Policy`], checked by [`build`](Self::build).
#[derive(Clone, Debug)]
#[must_use = "nothing is made before `build`"]
pub struct PolicyBuilder {
    pub(crate) max_attempts: u32,
    pub(crate) backoff: Backoff,
    /// None: the same as `backoff`.
    pub(crate) throttled: Option<Backoff>,
    /// Has the user said so, or is it the default?
    pub(crate) throttled_given: bool,
    pub(crate) tuning: Tuning,
    pub(crate) max_retry_after: Duration,
    pub(crate) retry_after_slack: Option<Duration>,
    pub(crate) min_attempt_time: Duration,
    pub(crate) max_elapsed: Option<Duration>,
    pub(crate) stop_when: Option<Rule>,
    pub(crate) retry_rejections: bool,
    pub(crate) retry_only_outermost: bool,
    pub(crate) budget: Option<Budget>,
    /// Has the user said so, or is it the default?
    pub(crate) budget_given: bool,
    pub(crate) remedies: Vec<Remedy>,
    pub(crate) name: Option<Arc<str>>,
}

/// A call so far, when an attempt has failed: what a rule of [`stop_when`](PolicyBuilder::stop_when) looks at.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Progress {
    /// The class of the failure.
    pub class: Class,
    /// Attempts made, the first included.
    pub attempts: u32,
    /// Time since the call began. (Unless the policy has to look at the clock before a failure, for a ratio budget or
    /// [`max_elapsed`](PolicyBuilder::max_elapsed), it counts from the end of the first attempt.)
    pub elapsed: Duration,
    /// Time to the deadline, where there is one.
    pub remaining: Option<Duration>,
}

#[derive(Clone)]
pub(crate) struct Rule(pub(crate) Arc<dyn Fn(&Progress) -> bool + Send + Sync>);

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rule")
    }
}

impl PolicyBuilder {
    /// Attempts at most, the first call included. At least 1, which repeats nothing. Default: 4.
    pub const fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts;
        self
    }

    /// Sets the base: the longest wait before the first retry after a transient failure. At most the cap; above zero, unless
    /// the backoff is fixed or linear. Default: 200 ms. The cap and the waits after a throttle stay as they are.
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
        self.tuning.base = Some(wait);
        self
    }

    /// Caps every wait that the policy chooses, jitter included: at least the base. Default: 5 s. Where a backoff has a
    /// [cap of its own](Backoff::max), the lower one holds. The default wait after a throttle starts at the cap where
    /// that is below 1 s. A server's Retry-After is cut by [`max_retry_after`](Self::max_retry_after) instead.
    pub const fn max_delay(mut self, wait: Duration) -> Self {
        self.tuning.max_delay = Some(wait);
        self
    }

    /// Sets the factor by which the waits of an exponential backoff grow, after a throttle too unless
    /// [`throttled_backoff`](Self::throttled_backoff) was set: a finite number of 1.0 or more. Default: 2.0. Other
    /// backoffs refuse it.
    pub const fn multiplier(mut self, factor: f64) -> Self {
        self.tuning.multiplier = Some(factor);
        self
    }

    /// Sets the wait before each retry, after a throttle too (unless [`throttled_backoff`](Self::throttled_backoff)
    /// follows), in place of the default. To change single settings of the default see [`base`](Self::base),
    /// [`max_delay`](Self::max_delay) and [`multiplier`](Self::multiplier).
    ///
    /// A backoff that grows keeps the cap of 5 s, unless [`Backoff::max`] or [`max_delay`](Self::max_delay) sets another.
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self.throttled = None;
        self.throttled_given = true;
        self
    }

    /// Sets the wait after a failure of kind [`Throttled`](buttress_error::Kind::Throttled). Default: exponential, base
    /// 1 s, cap 5 s, equal jitter; where [`backoff`](Self::backoff) was set, that one. A backoff that grows keeps the cap of 5 s, as there.
    pub fn throttled_backoff(mut self, backoff: Backoff) -> Self {
        self.throttled = Some(backoff);
        self.throttled_given = true;
        self
    }

    /// The longest wait that a server may ask for: a longer one is cut to this. Jitter of up to 10 % of it, or up to the
    /// backoff's base where that is more, goes on top. Zero heeds none. Default: 60 s.
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

    /// The time that an attempt needs to be of any use: none is due with less of it left before the deadline. (When it is
    /// due it may still have to wait until the inner service is ready.) Default: 0, where an attempt only has to be due
    /// before the deadline.
    pub const fn min_attempt_time(mut self, time: Duration) -> Self {
        self.min_attempt_time = time;
        self
    }

    /// No attempt is due later than this after the call began. Default: no bound but the context's deadline.
    /// One that is under way isn't cut: that is for a timeout around the attempt.
    ///
    /// The clock is then read when a call begins.
    pub const fn max_elapsed(mut self, time: Duration) -> Self {
        self.max_elapsed = Some(time);
        self
    }

    /// Repeats nothing any more once `rule` says so. It is asked about each failure that would be repeated, beside the
    /// other settings; the first that says stop, stops. Within it `&&` and `||` combine what it likes; a second rule takes the place of the
    /// first. Default: never.
    ///
    /// A rule that looks into the response or the error itself belongs to the classifier.
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
        self.stop_when = Some(Rule(Arc::new(rule)));
        self
    }

    /// What events call it, in the field `retry`: the name of what is called, mostly. Default: none.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Heals failures by running `cure` with a clone of `state`, and repeats the call then: a [`Remedy`] with its
    /// defaults.
    pub fn remedy<T, F, Fut, O, E>(self, on: RemedyCondition, state: T, cure: F) -> Self
    where
        T: Clone + Send + Sync + 'static,
        F: Fn(T) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<O, E>> + Send + 'static,
        E: Into<Error>,
    {
        self.with_remedy(Remedy::run(on, state, cure).unchecked())
    }

    /// Heals failures by `remedy`, and repeats the call then. Of several remedies the first that is on the failure, and
    /// that this call hasn't tried yet, is run.
    pub fn with_remedy(mut self, remedy: Remedy) -> Self {
        self.remedies.push(remedy);
        self
    }

    /// Bounds the retries of all calls together. Default: a new [`Budget::default`] for each builder that is begun; what is
    /// built from its clones shares it.
    pub fn budget(mut self, budget: Budget) -> Self {
        self.budget = Some(budget);
        self.budget_given = true;
        self
    }

    /// No bound but each call's own. In an outage this multiplies the traffic by the number of attempts.
    ///
    /// A ratio budget reads the clock when a call begins. Without one no clock is read before the first failure, and
    /// [`RetrySummary::elapsed`](buttress_error::RetrySummary::elapsed) counts from there.
    pub fn no_budget(mut self) -> Self {
        self.budget = None;
        self.budget_given = true;
        self
    }

    /// Repeats also what a layer of this stack has refused, if it says when to come back and that wait is not cut by
    /// [`max_retry_after`](Self::max_retry_after) or the deadline. Default: a rejection ends the call.
    pub const fn retry_rejections(mut self) -> Self {
        self.retry_rejections = true;
        self
    }

    /// Only this layer repeats: retry layers further in try once. Default: the retry next to the failure repeats, and
    /// those further out leave alone what it has given up on.
    pub const fn retry_only_outermost(mut self) -> Self {
        self.retry_only_outermost = true;
        self
    }

    /// The policy.
    ///
    /// # Errors
    /// If there are zero attempts, or a backoff that can't be
    /// meant: a cap below its base; a base of zero that grows; a base above the default cap of 5 s without a cap of its own; a multiplier
    /// below 1.0, or of another backoff than an exponential one; a proportional jitter outside 0.0..=1.0; a jitter on a
    /// decorrelated backoff; a [`base`](Self::base) for an iterator.
    pub fn build(mut self) -> Result<Policy, ConfigError> {
        if self.max_attempts == 0 {
            return Err(ConfigError::new("max_attempts", "at least 1", self.max_attempts));
        }
        self.backoff = self.tuning.apply(self.backoff)?;
        self.throttled = match self.throttled {
            Some(own) if self.throttled_given => Some(self.tuning.own_throttled(own)?),
            None if self.throttled_given => None,
            _ => Some(self.tuning.throttled()),
        };
        Ok(Policy::new(self))
    }
}
