//! Allocations.

mod kit;

use std::future::ready;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use buttress_error::Kind;
use buttress_retry::{Budget, Policy, RetryLayer, on, retry, retry_blocking};
use buttress_test::{Step, Strict, TestError, allocations};
use kit::{plain, script};
use tokio::time::advance;
use tower::{Layer, Service, ServiceExt};

fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn policies() -> [Policy; 5] {
    let tokens = Budget::tokens(500).build().expect("good settings");
    let remedied = plain().remedy(on(Kind::Unauthenticated), (), |()| async { Ok::<_, TestError>(()) });
    let owner = Policy::exponential().disable_inner_retries();
    [Policy::exponential(), plain(), plain().budget(tokens), owner, remedied]
        .map(|policy| policy.build().expect("good settings"))
}

/// The allocations of a first attempt under each of them. Under `disable_inner_retries` it runs in a context of its own.
const BOXES: [u64; 5] = [0, 0, 0, 1, 0];

/// A first attempt that succeeds allocates nothing, with either budget or none. (Under `disable_inner_retries` it allocates one
/// box.)
#[tokio::test(start_paused = true)]
async fn nothing_while_the_first_attempt_succeeds() {
    for (policy, boxes) in policies().into_iter().zip(BOXES) {
        let mut service = RetryLayer::new(policy.clone()).assume_idempotent().layer(Strict::new());
        let call = || {
            let ready = pin!(service.ready());
            let Poll::Ready(Ok(service)) = poll(ready) else { panic!("ready at once") };
            assert!(poll(pin!(service.call(7))).is_ready());
        };
        assert_eq!(allocations(call), boxes, "layer with {policy:?}");
        let thread = || assert!(retry_blocking(&policy, || Ok::<_, TestError>(7)).is_ok());
        assert_eq!(allocations(thread), 0, "thread with {policy:?}");
        let attempt = || ready(Ok::<_, TestError>(7));
        let call = || assert!(poll(pin!(retry(&policy, attempt))).is_ready());
        assert_eq!(allocations(call), boxes, "function with {policy:?}");
    }
}

/// Nor does an error that isn't retried, such as a rejection.
#[tokio::test(start_paused = true)]
async fn nothing_for_what_is_not_repeated() {
    let kinds = [Kind::Rejected, Kind::NotFound].into_iter().cycle();
    for ((policy, boxes), kind) in policies().into_iter().zip(BOXES).zip(kinds) {
        let attempt = || ready(Err::<(), _>(TestError::from(kind)));
        let call = || assert!(poll(pin!(retry(&policy, attempt))).is_ready());
        assert_eq!(allocations(call), boxes, "{kind} with {policy:?}");
    }
}

/// A call that retries once allocates once: the state of its later attempts.
#[tokio::test(start_paused = true)]
async fn one_for_a_retry() {
    for policy in policies() {
        let inner = script([Step::fail(Kind::Unavailable)]);
        let mut service = RetryLayer::new(policy).assume_idempotent().layer(inner.clone());
        let mut future = pin!(service.ready().await.unwrap().call(7));
        let mut count = allocations(|| assert!(poll(future.as_mut()).is_pending()));
        advance(kit::MS * 200).await;
        count += allocations(|| assert!(poll(future.as_mut()).is_ready()));
        assert_eq!(inner.calls(), 2);
        assert!(count <= 1, "{count}");
    }
}
