//! A call that is admitted at once allocates nothing, and neither does a refusal.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use buttress_ratelimit::RateLimitLayer;
use buttress_test::{Strict, allocations};
use tower::{Layer, Service};

#[test]
fn neither_an_admitted_nor_a_refused_call_allocates() {
    let mut cx = Context::from_waker(Waker::noop());
    let mut service = RateLimitLayer::per_second(1).layer(Strict::new());
    for refused in [false, true] {
        let allocated = allocations(|| {
            assert!(service.poll_ready(&mut cx).is_ready());
            let call = pin!(service.call(7));
            let Poll::Ready(answer) = call.poll(&mut cx) else { panic!("nothing to wait for") };
            assert_eq!(answer.is_err(), refused);
        });
        assert_eq!(allocated, 0, "refused: {refused}");
    }
}
