//! What a call through the whole stack allocates.

use std::io;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use buttress::log::JsonLayer;
use buttress::{ClientLayer, Rejection};
use buttress_test::allocations;
use tower::{Layer, Service, service_fn};
use tracing_subscriber::layer::SubscriberExt;

async fn echo(n: u32) -> Result<u32, Rejection> {
    Ok(n)
}

/// Calls through the whole ready-made stack, and what the last of them allocated.
fn a_call_through_the_stack() -> u64 {
    let mut stack = ClientLayer::new("payments").layer(service_fn(echo));
    let mut call = move || {
        let mut cx = Context::from_waker(Waker::noop());
        assert!(stack.poll_ready(&mut cx).is_ready());
        let reply = pin!(stack.call(7));
        assert!(matches!(reply.poll(&mut cx), Poll::Ready(Ok(7))));
    };
    // The first call of a thread sets up its locals, the second one of a service its own count of references.
    call();
    call();
    allocations(call)
}

#[test]
fn the_happy_path_allocates_nothing() {
    assert_eq!(a_call_through_the_stack(), 0);
}

#[test]
fn nor_does_it_when_every_call_is_logged() {
    let json = tracing_subscriber::registry().with(JsonLayer::new(io::sink));
    tracing::subscriber::with_default(json, || assert_eq!(a_call_through_the_stack(), 0));
}
