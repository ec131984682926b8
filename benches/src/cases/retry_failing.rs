//! Retry of a call that fails once and then succeeds, without a wait in between.

use std::future::{Ready, ready};
use std::hint::black_box;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use backon::{ConstantBuilder, Retryable};
use buttress::{Backoff, Policy, RetryLayer as OurRetryLayer, retry};
use pin_project_lite::pin_project;
use tower::retry::RetryLayer;
use tower::{Layer, Service};

use super::retry::Attempts;
use crate::case::{BARE, Case, OURS, Subject, named, with_each_error};
use crate::drive::{Ends, awaited, calls};
use crate::peers;
use crate::service::{self, Failure};

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
        Subject::new(named::<E>(BARE), calls(Twice(service::flaky::<E>()), Ends::Well)),
        Subject::new(named::<E>(OURS), calls(ours, Ends::Well)),
        Subject::new(named::<E>(peers::tower()), calls(tower, Ends::Well)),
    ]
}

/// Two attempts in a service that is written for exactly that.
#[derive(Clone)]
struct Twice<S>(S);

impl<S: Service<u64>> Service<u64> for Twice<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = TwiceFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: u64) -> Self::Future {
        TwiceFuture { first: self.0.call(request), second: self.0.call(request) }
    }
}

pin_project! {
    /// The service counts its calls, not the polls, so both can be made at once.
    struct TwiceFuture<F> {
        #[pin]
        first: F,
        #[pin]
        second: F,
    }
}

impl<T, E, F: Future<Output = Result<T, E>>> Future for TwiceFuture<F> {
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        match this.first.poll(cx) {
            Poll::Ready(Err(error)) => {
                drop(black_box(error));
                this.second.poll(cx)
            }
            other => other,
        }
    }
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
