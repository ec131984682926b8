//! The happy path, and a refusal, allocate nothing.

mod support;

use std::pin::pin;
use std::task::{Context, Waker};

use buttress_breaker::{Breaker, BreakerLayer, Window};
use buttress_error::Kind;
use buttress_test::{Strict, TestError, allocations};
use support::{admit, plain, secs, service, trip};
use tower::{Layer, Service};

/// A whole call that is ready at its first poll.
fn call(service: &mut impl Service<u32, Response = u32, Error = TestError>) -> Result<u32, TestError> {
    let mut cx = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut cx).is_ready());
    let answer = pin!(service.call(7)).poll(&mut cx);
    let std::task::Poll::Ready(answer) = answer else { panic!("the inner service is ready") };
    answer
}

#[tokio::test(start_paused = true)]
async fn the_layer_allocates_nothing() {
    for window in [Window::default(), Window::count(10_000), Window::consecutive(5)] {
        let breaker = plain().window(window).build().unwrap();
        let mut service = service(&breaker, Strict::new());
        let mut calls = |n| {
            allocations(|| {
                for _ in 0..n {
                    call(&mut service).unwrap();
                }
            })
        };
        assert_eq!((calls(1), calls(1), calls(1_000)), (0, 1, 0), "a count of its own for the second call");
        assert_eq!(breaker.stats().succeeded, 1_002);
    }
}

/// A service that is cloned for each call shares the reference count of its template.
#[tokio::test(start_paused = true)]
async fn a_clone_for_each_call_allocates_nothing() {
    let breaker = plain().build().unwrap();
    let template = service(&breaker, Strict::new());
    call(&mut template.clone()).unwrap();
    assert_eq!(allocations(|| (0..10).for_each(|_| assert!(call(&mut template.clone()).is_ok()))), 0);
}

/// Only a new key is copied.
#[tokio::test(start_paused = true)]
async fn a_known_key_allocates_nothing() {
    let layer = BreakerLayer::new("db").keyed_by_str(|_: &u32| "api.example");
    let mut service = layer.layer(Strict::new());
    call(&mut service).unwrap();
    assert_eq!(allocations(|| assert!(call(&mut service).is_ok())), 0);
    trip(&layer.breakers().breaker("api.example"));
    assert_eq!(allocations(|| drop(call(&mut service).unwrap_err())), 0);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_allocates_nothing() {
    let breaker = plain().build().unwrap();
    trip(&breaker);
    let mut service = service(&breaker, Strict::new());
    assert_eq!(allocations(|| drop(call(&mut service).unwrap_err())), 0);
    assert_eq!(allocations(|| drop(breaker.admit().unwrap_err())), 0);
}

#[tokio::test(start_paused = true)]
async fn permits_and_failures_allocate_nothing() {
    let breaker = Breaker::builder("db").consecutive_failures(None).minimum_calls(1_000).build().unwrap();
    let count = allocations(|| {
        admit(&breaker).success();
        admit(&breaker).failure(Kind::Unavailable);
        drop(admit(&breaker));
    });
    assert_eq!(count, 0);
}

#[tokio::test(start_paused = true)]
async fn the_function_allocates_nothing() {
    let breaker = plain().build().unwrap();
    tokio::time::advance(secs(1)).await;
    let count = allocations(|| {
        let call = pin!(breaker.call(|| std::future::ready(Ok::<_, TestError>(7))));
        assert!(call.poll(&mut Context::from_waker(Waker::noop())).is_ready());
    });
    assert_eq!(count, 0);
}
