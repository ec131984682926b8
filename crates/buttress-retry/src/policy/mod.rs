//! `Policy`: whether to retry a failed call, and when.

mod backoff;
mod builder;
mod decision;
mod first_attempt;
mod overriding;
mod progress;
mod settings;
mod tuning;
mod worst_case;

use std::sync::Arc;
use std::time::Duration;

pub use backoff::{Backoff, Jitter};
pub use builder::PolicyBuilder;
pub(crate) use decision::{CallBackoff, CallTime, Failure};
pub(crate) use first_attempt::FirstAttempt;
pub use overriding::RetryContext;
pub(crate) use overriding::{first_attempt, overriding_policy, retry_may_follow};
pub use progress::Progress;
use settings::Settings;

use crate::budget::Budget;
use crate::remedy::Remedy;

/// Whether to retry a failed call, and when.
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
/// | [`disable_inner_retries`](PolicyBuilder::disable_inner_retries) | | | no |
///
/// It retries failures whose class says [`RetryAdvice::Call`](buttress_error::RetryAdvice::Call) and that no other retry
/// has exhausted: always if the request was provably not processed, otherwise only if the request is idempotent. So of the
/// [kinds](buttress_error::Kind) it retries unavailable, timeout and throttled. It does not retry an error that nobody has
/// classified, whose kind is unknown, nor a rejection by a layer of the same stack.
///
/// The context of a call can carry another policy ([`RetryContext`](crate::RetryContext)), or change only the number of
/// attempts ([`Context::with_max_attempts`](buttress_context::Context::with_max_attempts)).
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
    settings: Settings,
    // Computed once, because every call reads them:
    /// Whether a call has to read the clock before anything has failed.
    needs_clock: bool,
    /// Whether the budget counts successes at the first attempt.
    counts_successes: bool,
    /// How the first attempt runs, unless the context says otherwise.
    first_attempt: FirstAttempt,
}

impl Policy {
    fn new(settings: Settings) -> Self {
        let budget = settings.budget.as_ref();
        let needs_clock = settings.max_elapsed.is_some() || budget.is_some_and(Budget::needs_clock);
        let first_attempt = match settings.max_attempts {
            _ if settings.disable_inner_retries => FirstAttempt::Scoped,
            1 => FirstAttempt::Only,
            _ => FirstAttempt::Retryable,
        };
        let counts_successes = budget.is_some_and(Budget::counts_successes);
        Self { needs_clock, counts_successes, first_attempt, settings }
    }

    /// Starts a policy of exponential backoff with equal jitter, and the other defaults.
    pub fn exponential() -> PolicyBuilder {
        PolicyBuilder::new()
    }

    /// Starts a policy that waits `wait` before each retry, also after a throttle, without jitter. The other defaults are
    /// those of [`exponential`](Self::exponential).
    pub fn fixed(wait: Duration) -> PolicyBuilder {
        Self::exponential().backoff(Backoff::fixed(wait))
    }

    /// Returns the name in events, if there is one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.settings.name.as_deref()
    }

    /// Returns the maximum number of attempts, the first included.
    #[must_use]
    pub const fn max_attempts(&self) -> u32 {
        self.settings.max_attempts
    }

    /// Returns the budget that bounds the retries of all calls together, if there is one.
    #[must_use]
    pub const fn budget(&self) -> Option<&Budget> {
        self.settings.budget.as_ref()
    }

    pub(crate) fn add_remedy(&mut self, remedy: Remedy) {
        self.settings.remedies.push(remedy);
    }

    pub(crate) fn set_name(&mut self, name: Arc<str>) {
        self.settings.name = Some(name);
    }

    /// Returns this policy for a call to the dependency that `own` was made for.
    ///
    /// Some settings belong to the dependency and are taken from `own`: the budget, unless this policy was given one; the
    /// remedies, after those of this policy; `disable_inner_retries`; and the name, unless this policy has one.
    fn overriding(&self, own: &Self) -> Self {
        let mut settings = self.settings.clone();
        if !settings.budget_given {
            settings.budget.clone_from(&own.settings.budget);
        }
        settings.remedies.extend_from_slice(&own.settings.remedies);
        settings.disable_inner_retries |= own.settings.disable_inner_retries;
        settings.name = settings.name.or_else(|| own.settings.name.clone());
        Self::new(settings)
    }

    pub(crate) const fn disable_inner_retries(&self) -> bool {
        self.settings.disable_inner_retries
    }

    pub(crate) const fn needs_clock(&self) -> bool {
        self.needs_clock
    }

    pub(crate) const fn counts_successes(&self) -> bool {
        self.counts_successes
    }
}

/// The settings of a policy, to change some of them. The policies built from them share its budget and remedies.
impl From<Policy> for PolicyBuilder {
    fn from(policy: Policy) -> Self {
        Self::from_settings(policy.settings)
    }
}

/// The defaults of the table above.
impl Default for Policy {
    fn default() -> Self {
        Self::exponential().build().expect("the defaults are in range")
    }
}
