//! Retry of a call that fails once and then succeeds, without a wait in between.

use std::future::{Ready, ready};
use std::time::Duration;

use backon::{ConstantBuilder, Retryable};
use buttress::{Backoff, Policy, RetryLayer as OurRetryLayer, retry};
use tower::Layer;
use tower::retry::RetryLayer;

use super::retry::Attempts;
use crate::case::{BARE, Case, OURS, Subject, named, with_each_error};
use crate::drive::{Ends, awaited, call, calls};
use crate::peers;
use crate::service::{self, Failure, Inner};

pub(super) const CASES: [Case; 2] = [
    Case { name: "retry/one-failure", subjects: || with_each_error!(layers()) },
    Case { name: "retry/function-one-failure", subjects: || with_each_error!(functions()) },
];

fn policy() -> Policy {
    let settings = Policy::exponential().max_attempts(4).backoff(Backoff::none()).no_budget();
    settings.build().expect("valid settings")
}

fn layers<E: Failure>() -> Vec<Subject> {
    let ours = OurRetryLayer::new(policy()).assume_idempotent().layer(service::flaky::<E>());
    let tower = RetryLayer::new(Attempts { left: 3, budget: None }).layer(service::flaky::<E>());
    vec![
        by_hand(service::flaky::<E>()),
        Subject::new(named::<E>(OURS), calls(ours, Ends::Well)),
        Subject::new(named::<E>(peers::tower()), calls(tower, Ends::Well)),
    ]
}

/// Two calls, the first of which fails.
fn by_hand<E: Failure>(mut service: impl Inner<E>) -> Subject {
    let twice = async move |request| match call(&mut service, request).await {
        Ok(response) => Ok(response),
        Err(_) => call(&mut service, request).await,
    };
    Subject::new(named::<E>(BARE), awaited(Ends::Well, twice))
}

#[inline(never)]
async fn fetch<E: Failure>(request: u64) -> Result<u64, E> {
    service::flaky_call(request).await
}

fn functions<E: Failure>() -> Vec<Subject> {
    let twice = async |request| match fetch::<E>(request).await {
        Ok(response) => Ok(response),
        Err(_) => fetch::<E>(request).await,
    };
    let policy = policy();
    let ours = async move |request| retry(&policy, || fetch::<E>(request)).await;
    let waits = ConstantBuilder::default().with_delay(Duration::ZERO).with_max_times(3);
    let backon = async move |request| (|| fetch::<E>(request)).retry(waits).sleep(no_wait).await;
    vec![
        Subject::new(named::<E>(BARE), awaited(Ends::Well, twice)),
        Subject::new(named::<E>(OURS), awaited(Ends::Well, ours)),
        Subject::new(named::<E>(peers::backon()), awaited(Ends::Well, backon)),
    ]
}

/// In place of a timer, which backon would arm even for no time at all.
fn no_wait(_: Duration) -> Ready<()> {
    ready(())
}
