//! What a context costs.

use std::future::{Future, ready};
use std::hint::black_box;
use std::pin::pin;
use std::task::{self, Poll, Waker};
use std::time::Duration;

use buttress_context::{Context, ContextLayer, Frame, Report, RequestId, Trace};
use buttress_test::allocations;
use tower::{Layer, Service, service_fn};

fn poll<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut task::Context::from_waker(Waker::noop()))
}

#[tokio::test(start_paused = true)]
async fn making_deriving_entering_and_leaving_allocate_nothing() {
    let parent =
        Context::default().with_field("customer", 17).with_request_id(RequestId::parse("order-42").unwrap());
    let _ = RequestId::random(); // The random numbers of the thread are set up at their first use.
    let count = allocations(|| {
        parent.clone().run(|| {
            let cx = Context::current()
                .with_timeout(Duration::from_secs(1))
                .with_attempt(2)
                .with_idempotent(true)
                .with_request_id(RequestId::random())
                .with_trace(Trace::random());
            assert!(poll(cx.scope(async { black_box(Context::read(Context::attempt)) })).is_ready());
            let mut frame = Frame::boundary(Context::current());
            let entered = frame.enter();
            Report::write(|report| report.attempts += 1);
            drop(entered);
            frame.close();
        });
    });
    assert_eq!(count, 0);
}

/// Nor does the id of somebody else, where it is a UUID as ours are.
#[test]
fn a_uuid_from_outside_allocates_nothing() {
    let text = RequestId::random().to_string();
    assert_eq!(allocations(|| drop(black_box(RequestId::parse(&text)))), 0);
    assert_eq!(allocations(|| drop(black_box(RequestId::parse("order-42")))), 1);
}

#[test]
fn a_call_through_the_layer_allocates_nothing() {
    let mut service = ContextLayer::new().layer(service_fn(|n: u32| ready(Ok::<_, ()>(n))));
    let mut call = || {
        assert!(service.poll_ready(&mut task::Context::from_waker(Waker::noop())).is_ready());
        assert_eq!(poll(service.call(7)), Poll::Ready(Ok(7)));
    };
    call();
    assert_eq!(allocations(call), 0);
}
