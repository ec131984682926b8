//! What an outgoing request tells of its context.

use std::io::Write;
use std::time::Duration;

use buttress_context::Context;
use http::{HeaderName, HeaderValue, Request};

use crate::origin::Origin;

/// The header of the request id.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The header of the trace: [W3C trace context](https://www.w3.org/TR/trace-context-2/#traceparent-header).
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The header of the deadline: the time that the whole call has left when this attempt is sent, in milliseconds, rounded
/// down. A duration, because clocks of two machines differ.
pub const DEADLINE: HeaderName = HeaderName::from_static("x-request-deadline-ms");

/// Writes request id and trace, and for a trusted origin the deadline. A header that the caller has set stays.
pub(crate) fn write<B>(request: &mut Request<B>, trusted: &[Origin]) {
    Context::read(|context| {
        if let Some(id) = context.request_id()
            && !request.headers().contains_key(REQUEST_ID)
            && let Ok(value) = HeaderValue::from_str(id.as_str(&mut [0; 36]))
        {
            request.headers_mut().insert(REQUEST_ID, value);
        }
        if let Some(trace) = context.trace()
            && !request.headers().contains_key(TRACEPARENT)
        {
            let mut text = [0; 55];
            // Always fits: 2 + 32 + 16 + 2 digits and 3 dashes.
            if write!(&mut text[..], "{}", trace.child()).is_ok()
                && let Ok(value) = HeaderValue::from_bytes(&text)
            {
                request.headers_mut().insert(TRACEPARENT, value);
            }
        }
        if let Some(left) = context.deadline().remaining()
            && !request.headers().contains_key(DEADLINE)
            && trusted.iter().any(|origin| origin.is_of(request.uri()))
        {
            request.headers_mut().insert(DEADLINE, HeaderValue::from(millis(left)));
        }
    });
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
