//! What an outgoing request tells of its context.

use std::time::Duration;

use buttress_context::Context;
use http::header::Entry;
use http::{HeaderMap, HeaderName, HeaderValue, Request, header};

use crate::GrpcTimeout;
use crate::classify::is_grpc;
use crate::origin::Origin;

/// The header of the request id.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The header of the trace: [W3C trace context](https://www.w3.org/TR/trace-context-2/#traceparent-header).
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The header of the deadline: the time that the whole call has left when this attempt is sent, in milliseconds, rounded
/// down. A duration, because clocks of two machines differ. A gRPC call has [`GrpcTimeout`] instead.
pub const DEADLINE: HeaderName = HeaderName::from_static("x-request-deadline-ms");

/// The header of the attempt: 1 for the first, 2 for the first retry. Envoy counts alike, in `x-envoy-attempt-count`.
pub const ATTEMPT: HeaderName = HeaderName::from_static("x-request-attempt");

/// The header of an answer by which a server says `false`: somebody has given up on it, so nobody on the way repeats the
/// request as it is (a remedy, such as a new token, changes it). Anything else means nothing: a server can stop retries by it, and never cause one. (Stripe's
/// [`Stripe-Should-Retry`](https://docs.stripe.com/error-low-level) is its model.)
pub const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// What goes out beyond request id and trace.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outgoing {
    /// The origins that are told the deadline.
    pub(crate) trusted: Vec<Origin>,
    /// Is the number of the attempt told?
    pub(crate) attempt: bool,
}

impl Outgoing {
    /// Writes what the context knows. A header that the caller has set stays.
    pub(crate) fn write<B>(&self, request: &mut Request<B>) -> Result<(), Late> {
        Context::read(|context| {
            if let Some(id) = context.request_id() {
                add(request, REQUEST_ID, || HeaderValue::from_str(id.as_str(&mut [0; 36])).ok());
            }
            if let Some(trace) = context.trace() {
                add(request, TRACEPARENT, || HeaderValue::from_bytes(&trace.outgoing().to_header()).ok());
            }
            if self.attempt {
                add(request, ATTEMPT, || Some(context.attempt().into()));
            }
            if let Some(left) = context.deadline().remaining()
                && self.trusted.iter().any(|origin| origin.is_of(request.uri()))
            {
                if !is_grpc(request.headers()) {
                    add(request, DEADLINE, || Some(millis(left).into()));
                } else if left.is_zero() {
                    return Err(Late);
                } else {
                    add(request, GrpcTimeout::HEADER, || Some(GrpcTimeout::new(left).into()));
                }
            }
            Ok(())
        })
    }
}

/// A call has no time left, and its protocol has no way to say so.
pub(crate) struct Late;

/// Unless the caller has set it.
pub(crate) fn add<B>(
    request: &mut Request<B>,
    name: HeaderName,
    value: impl FnOnce() -> Option<HeaderValue>,
) {
    if let Entry::Vacant(place) = request.headers_mut().entry(name)
        && let Some(value) = value()
    {
        place.insert(value);
    }
}

/// How long the body is said to be.
pub(crate) fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
