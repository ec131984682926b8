//! Retry around a service whose first attempt succeeds.

use std::future::{Ready, ready};
use std::sync::Arc;
use std::time::Duration;

use buttress::{Backoff, Budget as OurBudget, Policy as OurPolicy, RetryLayer as OurRetryLayer};
use tower::Layer;
use tower::retry::budget::{Budget, TpsBudget};
use tower::retry::{Policy, RetryLayer};
use tower_resilience_retry::{RetryBudgetBuilder, RetryLayer as TrRetryLayer};

use super::bare;
use crate::case::{Case, OURS, Subject, named, with_each_error};
use crate::drive::{Ends, calls};
use crate::peers;
use crate::service::{self, Failure};

pub(super) const CASES: [Case; 3] = [
    Case { name: "retry/no-budget", subjects: || with_each_error!(no_budget()) },
    Case { name: "retry/token-budget", subjects: || with_each_error!(with_tokens()) },
    Case { name: "retry/ratio-budget", subjects: || with_each_error!(with_ratio()) },
];

fn no_budget<E: Failure>() -> Vec<Subject> {
    vec![bare::<E>(), ours::<E>(None), tower::<E>(None), tower_resilience::<E>(false)]
}

fn with_tokens<E: Failure>() -> Vec<Subject> {
    vec![bare::<E>(), ours::<E>(Some(token_budget())), tower_resilience::<E>(true)]
}

fn with_ratio<E: Failure>() -> Vec<Subject> {
    vec![bare::<E>(), ours::<E>(Some(OurBudget::default())), tower::<E>(Some(ratio_budget()))]
}

fn ours<E: Failure>(budget: Option<OurBudget>) -> Subject {
    let layer = OurRetryLayer::new(policy(budget)).assume_idempotent();
    Subject::new(named::<E>(OURS), calls(layer.layer(service::prompt::<E>()), Ends::Well))
}

/// Four attempts, exponential waits, as the peers.
pub(crate) fn policy(budget: Option<OurBudget>) -> OurPolicy {
    let settings = OurPolicy::exponential()
        .max_attempts(4)
        .backoff(Backoff::exponential(Duration::from_millis(100)).max(Duration::from_secs(10)));
    let settings = match budget {
        Some(budget) => settings.budget(budget),
        None => settings.no_budget(),
    };
    settings.build().expect("valid settings")
}

/// A bucket that successes fill, where tower-resilience's is filled by time.
fn token_budget() -> OurBudget {
    OurBudget::tokens(100).build().expect("valid settings")
}

/// At most 20 % more traffic, counted over 10 s, with a floor of 10 retries a second: the defaults of tower, and ours.
pub(crate) fn ratio_budget() -> Arc<TpsBudget> {
    Arc::new(TpsBudget::new(Duration::from_secs(10), 10, 0.2))
}

fn tower<E: Failure>(budget: Option<Arc<TpsBudget>>) -> Subject {
    let layer = RetryLayer::new(Attempts { left: 3, budget });
    Subject::new(named::<E>(peers::tower()), calls(layer.layer(service::prompt::<E>()), Ends::Well))
}

/// tower leaves the policy to its user. This is the smallest one that does the job: four attempts in all, no wait between
/// them, and a budget where one is given.
#[derive(Clone)]
pub(crate) struct Attempts {
    pub(crate) left: u32,
    pub(crate) budget: Option<Arc<TpsBudget>>,
}

impl<Req: Clone, Res, E> Policy<Req, Res, E> for Attempts {
    type Future = Ready<()>;

    fn retry(&mut self, _: &mut Req, result: &mut Result<Res, E>) -> Option<Self::Future> {
        if result.is_ok() {
            if let Some(budget) = &self.budget {
                budget.deposit();
            }
            return None;
        }
        let allowed = self.left > 0 && self.budget.as_ref().is_none_or(|budget| budget.withdraw());
        self.left = self.left.saturating_sub(1);
        allowed.then(|| ready(()))
    }

    fn clone_request(&mut self, request: &Req) -> Option<Req> {
        Some(request.clone())
    }
}

fn tower_resilience<E: Failure>(budget: bool) -> Subject {
    let service = tower_resilience_layer(budget).layer(service::prompt::<E>());
    Subject::new(named::<E>(peers::tower_resilience()), calls(service, Ends::Well))
}

/// Four attempts, exponential waits, and its token bucket at 10 tokens a second if asked for.
pub(crate) fn tower_resilience_layer<E: 'static>(budget: bool) -> TrRetryLayer<u64, u64, E> {
    let mut builder = TrRetryLayer::builder()
        .name("payments")
        .max_attempts(4)
        .exponential_backoff(Duration::from_millis(100));
    if budget {
        let bucket = RetryBudgetBuilder::new().token_bucket().tokens_per_second(10.0).max_tokens(100).build();
        builder = builder.budget(bucket.expect("the bucket starts full"));
    }
    builder.build()
}
