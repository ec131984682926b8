//! A call allocates nothing: neither an answer, nor a wait, nor a cut. (The second call of a service allocates its own
//! reference count.)

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use buttress_test::{HOLD, Step, Strict, TestError, allocations};
use buttress_timeout::{AttemptTimeoutLayer, DeadlineLayer};
use tokio::time::advance;
use tower::{Layer, Service};

const SECOND: Duration = Duration::from_secs(1);

fn stack(inner: Strict) -> impl Service<u32, Response = u32, Error = TestError> {
    let (deadline, attempt) = (DeadlineLayer::new(5 * SECOND), AttemptTimeoutLayer::new(SECOND));
    deadline.named("orders").layer(attempt.named("payments").layer(inner))
}

#[test]
fn an_answer_allocates_nothing() {
    let mut cx = Context::from_waker(Waker::noop());
    let mut service = stack(Strict::new());
    let allocated = allocations(|| {
        assert!(service.poll_ready(&mut cx).is_ready());
        let call = pin!(service.call(7));
        assert!(matches!(call.poll(&mut cx), Poll::Ready(Ok(7))));
    });
    assert_eq!(allocated, 0);
}

#[tokio::test(start_paused = true)]
async fn a_wait_and_a_cut_allocate_nothing() {
    let mut cx = Context::from_waker(Waker::noop());
    let mut service =
        stack(Strict::new().then(Step::ok()).then(Step::ok()).then(Step::ok().waits(1)).then(Step::never()));
    for _ in 0..2 {
        assert!(service.poll_ready(&mut cx).is_ready());
        assert!(pin!(service.call(7)).poll(&mut cx).is_ready());
    }
    for (wait, cut) in [(HOLD, false), (SECOND, true)] {
        assert!(service.poll_ready(&mut cx).is_ready());
        let mut call = None;
        let called = allocations(|| call = Some(service.call(7)));
        let mut call = pin!(call.expect("it was just set"));
        let waits = allocations(|| assert!(call.as_mut().poll(&mut cx).is_pending()));
        advance(wait).await;
        let ends = allocations(|| {
            let Poll::Ready(answer) = call.as_mut().poll(&mut cx) else { panic!("the time is up") };
            assert_eq!(answer.is_err(), cut);
        });
        assert_eq!((called, waits, ends), (0, 0, 0), "cut: {cut}");
    }
}
