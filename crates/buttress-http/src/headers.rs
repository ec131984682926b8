//! The headers in which a request carries its context.

use buttress_context::Context;
use buttress_error::__private::millis;
use http::header::Entry;
use http::{HeaderMap, HeaderName, HeaderValue, Request, header};

use crate::classify::is_grpc;
use crate::grpc_timeout::GrpcTimeout;
use crate::origin::Origin;

/// The header of the request id.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The header of the trace: [W3C trace context](https://www.w3.org/TR/trace-context-2/#traceparent-header).
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The header of the deadline: the time that the whole call has left when this attempt is sent, in milliseconds, rounded
/// down. It is a duration because the clocks of two machines differ. A gRPC call has [`GrpcTimeout`] instead.
pub const DEADLINE: HeaderName = HeaderName::from_static("x-request-deadline-ms");

/// The header of the attempt number: 1 for the first attempt, 2 for the first retry, as in Envoy's `x-envoy-attempt-count`.
pub const ATTEMPT: HeaderName = HeaderName::from_static("x-request-attempt");

/// The header with which a response stops retries: `false` says that a retry layer is already exhausted, so that no client
/// up the chain retries the same request. (A remedy, such as a new token, changes the request and is still tried.) Any other
/// value is ignored: the header can stop retries but never cause one. It is modelled on
/// [`Stripe-Should-Retry`](https://docs.stripe.com/error-low-level).
pub const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// The headers that are written beside request id and trace.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outgoing {
    /// The origins to which the deadline is sent.
    pub(crate) deadline_to: Vec<Origin>,
    /// Whether the number of the attempt is sent.
    pub(crate) attempt: bool,
}

impl Outgoing {
    /// Writes the headers of the current context. A header that the caller has set stays.
    pub(crate) fn write<B>(&self, request: &mut Request<B>) -> Result<(), DeadlineExceeded> {
        Context::read(|context| {
            if let Some(id) = context.request_id() {
                insert_if_absent(request, REQUEST_ID, || HeaderValue::from_str(id.as_str(&mut [0; 36])).ok());
            }
            if let Some(trace) = context.trace() {
                insert_if_absent(request, TRACEPARENT, || {
                    HeaderValue::from_bytes(&trace.outgoing().to_header()).ok()
                });
            }
            if self.attempt {
                insert_if_absent(request, ATTEMPT, || Some(context.attempt().into()));
            }
            if let Some(left) = context.deadline().remaining()
                && self.deadline_to.iter().any(|origin| origin.is_of(request.uri()))
            {
                if !is_grpc(request.headers()) {
                    insert_if_absent(request, DEADLINE, || Some(millis(left).into()));
                } else if left.is_zero() {
                    return Err(DeadlineExceeded);
                } else {
                    insert_if_absent(request, GrpcTimeout::HEADER, || Some(GrpcTimeout::new(left).into()));
                }
            }
            Ok(())
        })
    }
}

/// The deadline of a gRPC call has passed: its header cannot express a timeout of zero.
pub(crate) struct DeadlineExceeded;

/// Sets a header that the caller has not set.
pub(crate) fn insert_if_absent<B>(
    request: &mut Request<B>,
    name: HeaderName,
    value: impl FnOnce() -> Option<HeaderValue>,
) {
    if let Entry::Vacant(entry) = request.headers_mut().entry(name)
        && let Some(value) = value()
    {
        entry.insert(value);
    }
}

/// Returns the declared length of the body.
pub(crate) fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
