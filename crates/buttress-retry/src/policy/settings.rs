//! `Settings`: the plain values of a policy. Builder and policy share them, so that a policy can be changed again.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::backoff::Backoff;
use super::progress::Progress;
use super::tuning::{BASE, Tuning};
use crate::budget::Budget;
use crate::remedy::Remedy;

#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) max_attempts: u32,
    pub(super) backoff: Backoff,
    /// None: the same as `backoff`.
    pub(super) throttled: Option<Backoff>,
    /// Whether `throttled` was set by the user. If not, it is computed from `tuning`.
    pub(super) throttled_given: bool,
    pub(super) tuning: Tuning,
    pub(super) max_retry_after: Duration,
    pub(super) retry_after_slack: Option<Duration>,
    pub(super) min_attempt_time: Duration,
    pub(super) max_elapsed: Option<Duration>,
    pub(super) stop_when: Option<StopRule>,
    pub(super) retry_rejections: bool,
    pub(super) disable_inner_retries: bool,
    pub(super) budget: Option<Budget>,
    /// Whether `budget` was set by the user.
    pub(super) budget_given: bool,
    pub(super) remedies: Vec<Remedy>,
    pub(super) name: Option<Arc<str>>,
}

impl Settings {
    /// The defaults, with a budget of its own.
    pub(super) fn new() -> Self {
        Self {
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
            disable_inner_retries: false,
            budget: Some(Budget::default()),
            budget_given: false,
            remedies: Vec::new(),
            name: None,
        }
    }

    /// The backoff after a throttle.
    pub(super) fn throttled_backoff(&self) -> &Backoff {
        self.throttled.as_ref().unwrap_or(&self.backoff)
    }
}

/// A user's rule that ends the retries of a call.
#[derive(Clone)]
pub(super) struct StopRule(pub(super) Arc<dyn Fn(&Progress) -> bool + Send + Sync>);

impl fmt::Debug for StopRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StopRule")
    }
}
