//! What a call through the layer allocates.
#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use buttress_context::{Context as Cx, RequestId, Trace};
use buttress_http::{Bearer, BearerLayer, Body, HttpLayer};
use buttress_test::allocations;
use http::{Request, Response};
use tower::{Layer, Service};

/// Ready at once, answers at once.
struct Mock;

impl Service<Request<Body>> for Mock {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        ready(Ok(Response::new(Body::empty())))
    }
}

/// Of one call, the request not counted.
fn counted() -> u64 {
    let mut client = HttpLayer::new("payments").layer(Mock);
    let request = Request::get("http://localhost/").body(Body::empty()).unwrap();
    allocations(move || {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        assert!(client.poll_ready(&mut cx).is_ready());
        let call = std::pin::pin!(client.call(request));
        assert!(matches!(call.poll(&mut cx), Poll::Ready(Ok(_))));
    })
}

#[test]
fn a_good_answer_allocates_nothing() {
    assert_eq!(counted(), 0);
}

/// Headers cost what headers cost: two values, and the map that holds them (its table and its entries).
#[test]
fn headers_of_the_context_are_all_that_is_allocated() {
    let cx = Cx::default().with_request_id(RequestId::random()).with_trace(Trace::random());
    // The generator of random ids sets itself up once per thread.
    let _ = cx.trace().unwrap().child();
    assert_eq!(cx.run(counted), 4);
}

/// The token is shared with its holder: only the map of the headers may have to grow.
#[test]
fn a_token_allocates_nothing() {
    let token = Bearer::new();
    token.set("mF_9.B5f-4.1JqM").unwrap();
    let mut client = BearerLayer::new(&token, "http://localhost").unwrap().layer(Mock);
    let mut request = Request::get("http://localhost/").body(Body::empty()).unwrap();
    request.headers_mut().reserve(1);
    assert_eq!(allocations(move || drop(client.call(request))), 0);
}
