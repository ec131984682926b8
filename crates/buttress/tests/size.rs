//! The memory that a call takes.

use std::future::{Ready, ready};
use std::io;
use std::mem::size_of_val;
use std::task::{Context, Poll};

use buttress::{Body, Client};
use http::{Request, Response};
use tower::Service;

/// The largest future of `Client::send`, in bytes.
const MAX_SEND: usize = 1_600;

/// Responds at once, so its future holds a whole response.
#[derive(Clone)]
struct Prompt;

impl Service<Request<Body>> for Prompt {
    type Response = Response<Body>;
    type Error = io::Error;
    type Future = Ready<io::Result<Response<Body>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        ready(Ok(Response::new(Body::empty())))
    }
}

#[test]
fn the_future_of_send_has_a_bound() {
    let send = Client::new("payments", Prompt);
    let size = size_of_val(&send.send(Request::new(Body::empty())));
    assert!(size <= MAX_SEND, "{size}");
}

#[cfg(feature = "reqwest")]
#[test]
fn the_future_of_send_has_a_bound_over_reqwest() {
    let http = reqwest::Client::new();
    let client = Client::new("payments", http.clone());
    let builder = client.send(http.get("http://localhost/"));
    assert!(size_of_val(&builder) <= MAX_SEND, "{}", size_of_val(&builder));
}
