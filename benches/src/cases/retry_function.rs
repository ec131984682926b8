//! Retry of a plain async function that succeeds at once.

use std::hint::black_box;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use buttress::{Budget, Policy, retry};
use tokio_retry2::strategy::{ExponentialFactorBackoff, jitter};
use tokio_retry2::{Retry, RetryError};

use super::retry::policy;
use crate::case::{BARE, Case, OURS, Subject};
use crate::drive::drive;
use crate::peers;
use crate::service::Failure;

pub(super) const CASES: [Case; 1] = [Case {
    name: "retry/function",
    subjects: || vec![bare(), ours(), ours_with_budget(), backon(), backon_plain(), tokio_retry2()],
}];

async fn fetch(request: u64) -> Result<u64, Failure> {
    Ok(black_box(request))
}

fn bare() -> Subject {
    Subject::new(BARE, each(|request| drive(fetch(request)).is_ok()))
}

fn each(mut call: impl FnMut(u64) -> bool) -> impl FnMut(u64) {
    move |n| {
        let good = (0..n).filter(|request| black_box(call(black_box(*request)))).count();
        assert_eq!(good as u64, n, "calls that succeeded");
    }
}

/// Without a budget, as the peers.
fn ours() -> Subject {
    ours_by(OURS.to_owned(), policy(None))
}

/// With the budget that a policy has by default.
fn ours_with_budget() -> Subject {
    ours_by(format!("{OURS}/ratio-budget"), policy(Some(Budget::default())))
}

fn ours_by(name: String, policy: Policy) -> Subject {
    Subject::new(name, each(move |request| drive(retry(&policy, || fetch(request))).is_ok()))
}

/// Four attempts, exponential waits with jitter.
fn backon() -> Subject {
    backon_with(peers::backon(), backon_policy().with_jitter())
}

/// Its default: without jitter.
fn backon_plain() -> Subject {
    backon_with(peers::backon() + "/no-jitter", backon_policy())
}

fn backon_with(name: String, policy: ExponentialBuilder) -> Subject {
    Subject::new(name, each(move |request| drive((|| fetch(request)).retry(policy)).is_ok()))
}

fn backon_policy() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(100))
        .with_max_delay(Duration::from_secs(10))
        .with_max_times(3)
}

/// Four attempts, exponential waits with jitter.
fn tokio_retry2() -> Subject {
    let work = each(|request| {
        let waits =
            ExponentialFactorBackoff::from_millis(100, 2.0).max_delay_millis(10_000).map(jitter).take(3);
        let attempt = || async move { fetch(request).await.map_err(RetryError::transient) };
        drive(Retry::spawn(waits, attempt)).is_ok()
    });
    Subject::new(peers::tokio_retry2(), work)
}
