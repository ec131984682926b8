//! HTTP over a client that responds at once, as a hyper client would without a network: the layer that makes errors of
//! bad statuses, and the request id and the trace that a request carries.

use std::future::{Ready, ready};
use std::hint::black_box;
use std::io;

use buttress::http::HttpLayer;
use buttress::{Body, ContextLayer};
use http::{HeaderName, HeaderValue, Request, Response, Uri};
use http_body_util::Full;
use tower::util::MapRequestLayer;
use tower::{Layer, Service, ServiceBuilder};
use tower_http::ServiceBuilderExt;
use tower_http::request_id::MakeRequestUuid;

use crate::case::{BARE, Case, OURS, Subject};
use crate::drive::{Ends, calls_with};
use crate::peers;

pub(super) const CASES: [Case; 2] = [
    Case { name: "http/layer", subjects: || vec![bare(), layer()] },
    Case { name: "http/ids", subjects: || vec![bare(), our_ids(), tower_http()] },
];

pub(crate) type Bytes = Full<&'static [u8]>;

/// Responds at once; the error type is that of a client.
#[derive(Clone)]
pub(crate) struct Prompt;

impl<B: Default> Service<Request<B>> for Prompt {
    type Response = Response<B>;
    type Error = io::Error;
    type Future = Ready<Result<Response<B>, io::Error>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), io::Error>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        drop(black_box(request));
        ready(Ok(Response::new(B::default())))
    }
}

/// Makes a GET. Copying the URI allocates nothing.
pub(crate) fn request<B: Default>() -> impl Fn(u64) -> Request<B> + Clone + Send + 'static {
    let uri = Uri::from_static("http://payments.internal/orders/17");
    move |_| {
        let mut request = Request::new(B::default());
        *request.uri_mut() = black_box(&uri).clone();
        request
    }
}

fn bare() -> Subject {
    Subject::new(BARE, calls_with(Prompt, Ends::Well, request::<Body>()))
}

/// Reads the status; writes no header, since there is no context.
fn layer() -> Subject {
    Subject::new(OURS, calls_with(HttpLayer::new("payments").layer(Prompt), Ends::Well, request()))
}

/// A new request id and a new trace for each call, and both in headers of the request.
fn our_ids() -> Subject {
    let service = ContextLayer::new().layer(HttpLayer::new("payments").layer(Prompt));
    Subject::new(OURS, calls_with(service, Ends::Well, request()))
}

/// The same. tower-http knows no trace, so a closure writes the header.
fn tower_http() -> Subject {
    let service =
        ServiceBuilder::new().set_x_request_id(MakeRequestUuid).layer(trace_layer()).service(Prompt);
    Subject::new(peers::tower_http(), calls_with(service, Ends::Well, request::<Bytes>()))
}

/// Writes a new trace into each request.
pub(crate) fn trace_layer<B>() -> MapRequestLayer<fn(Request<B>) -> Request<B>> {
    MapRequestLayer::new(|mut request: Request<B>| {
        let trace = format!("00-{:032x}-{:016x}-00", fastrand::u128(1..), fastrand::u64(1..));
        let trace = HeaderValue::try_from(trace).expect("hexadecimal digits");
        request.headers_mut().insert(HeaderName::from_static("traceparent"), trace);
        request
    })
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::{Arc, Mutex};

    use http::HeaderMap;
    use tower::service_fn;

    use super::*;
    use crate::drive::{call, drive};

    /// A benchmark drops the request; this test reads it.
    #[test]
    fn both_send_a_request_id_and_a_trace() {
        let sent = Arc::new(Mutex::new(Vec::<HeaderMap>::new()));
        let keep = Arc::clone(&sent);
        let server = service_fn(move |request: Request<Body>| {
            keep.lock().unwrap().push(request.headers().clone());
            ready(Ok::<_, Infallible>(Response::new(Body::empty())))
        });
        let mut ours = ContextLayer::new().layer(HttpLayer::new("payments").layer(server.clone()));
        let mut peer =
            ServiceBuilder::new().set_x_request_id(MakeRequestUuid).layer(trace_layer()).service(server);
        drive(call(&mut ours, request()(0))).unwrap();
        drive(call(&mut peer, request()(0))).unwrap();
        for headers in &*sent.lock().unwrap() {
            assert_eq!(headers["x-request-id"].len(), 36, "{headers:?}");
            assert_eq!(headers["traceparent"].len(), 55, "{headers:?}");
        }
    }
}
