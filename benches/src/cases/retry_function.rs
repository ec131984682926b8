//! Retry of a plain async function that succeeds at once.

use std::hint::black_box;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use buttress::{Budget, Policy, retry};
use tokio_retry2::strategy::{ExponentialFactorBackoff, jitter};
use tokio_retry2::{Retry, RetryError};

use super::retry::policy;
use crate::case::{BARE, Case, OURS, Subject, named, with_each_error};
use crate::drive::{Ends, awaited};
use crate::peers;
use crate::service::Failure;

pub(super) const CASES: [Case; 1] =
    [Case { name: "retry/function", subjects: || with_each_error!(functions()) }];

#[inline(never)]
async fn fetch<E>(request: u64) -> Result<u64, E> {
    Ok(black_box(request))
}

fn functions<E: Failure>() -> Vec<Subject> {
    vec![
        Subject::new(named::<E>(BARE), awaited(Ends::Well, async |request| fetch::<E>(request).await)),
        // Without a budget, as the peers.
        ours::<E>(OURS.to_owned(), policy(None)),
        // With the budget that a policy has by default.
        ours::<E>(format!("{OURS}/ratio-budget"), policy(Some(Budget::default()))),
        backon::<E>(peers::backon(), backon_policy().with_jitter()),
        // Its default.
        backon::<E>(peers::backon() + "/no-jitter", backon_policy()),
        tokio_retry2::<E>(),
    ]
}

fn ours<E: Failure>(name: String, policy: Policy) -> Subject {
    let call = async move |request| retry(&policy, || fetch::<E>(request)).await;
    Subject::new(named::<E>(name), awaited(Ends::Well, call))
}

fn backon<E: Failure>(name: String, policy: ExponentialBuilder) -> Subject {
    let call = async move |request| (|| fetch::<E>(request)).retry(policy).await;
    Subject::new(named::<E>(name), awaited(Ends::Well, call))
}

/// Four attempts, exponential waits.
fn backon_policy() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(100))
        .with_max_delay(Duration::from_secs(10))
        .with_max_times(3)
}

/// Four attempts, exponential waits with jitter.
fn tokio_retry2<E: Failure>() -> Subject {
    let call = async |request| {
        let waits =
            ExponentialFactorBackoff::from_millis(100, 2.0).max_delay_millis(10_000).map(jitter).take(3);
        let attempt = || async move { fetch::<E>(request).await.map_err(RetryError::transient) };
        Retry::spawn(waits, attempt).await
    };
    Subject::new(named::<E>(peers::tokio_retry2()), awaited(Ends::Well, call))
}
