//! gRPC over HTTP: status in a header, push-back, and proxies that know nothing of it.

use std::time::Duration;

use buttress_error::{Class, Kind, Retry};
use http::{HeaderMap, StatusCode, header};

/// Is it a message of gRPC? (gRPC-Web is another protocol.)
pub(super) fn is_grpc(headers: &HeaderMap) -> bool {
    let rest = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.as_bytes().strip_prefix(b"application/grpc"));
    matches!(rest, Some([] | [b'+' | b';', ..]))
}

/// The number in `grpc-status`; 2 (unknown) where it is none.
pub(crate) fn status(headers: &HeaderMap) -> Option<u8> {
    let text = headers.get("grpc-status")?.to_str().unwrap_or_default();
    Some(text.trim().parse().unwrap_or(Kind::Unknown.number()))
}

/// The class of an answer to a gRPC call; none for a success, or a stream whose status will come after it.
pub(super) fn class(http: StatusCode, headers: &HeaderMap) -> Option<Class> {
    let class = match status(headers) {
        Some(0) => return None,
        Some(number) => by_number(number),
        None if http == StatusCode::OK && is_grpc(headers) => return None,
        None => Class::new(by_proxy(http)),
    };
    Some(push_back(class, headers))
}

fn by_number(number: u8) -> Class {
    let canonical = Kind::ALL.into_iter().find(|kind| kind.number() == number && number <= 16);
    Class::new(canonical.unwrap_or(Kind::Unknown))
}

/// A proxy answered for a server that speaks gRPC:
/// [http-grpc-status-mapping](https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md).
const fn by_proxy(http: StatusCode) -> Kind {
    match http.as_u16() {
        400 | 431 => Kind::Internal,
        401 => Kind::Unauthenticated,
        403 => Kind::PermissionDenied,
        404 => Kind::Unimplemented,
        429 | 502..=504 => Kind::Unavailable,
        _ => Kind::Unknown,
    }
}

/// An exact delay in milliseconds; negative or unreadable forbids the retry:
/// [A6](https://github.com/grpc/proposal/blob/master/A6-client-retries.md#pushback).
fn push_back(class: Class, headers: &HeaderMap) -> Class {
    let Some(value) = headers.get("grpc-retry-pushback-ms") else { return class };
    match value.to_str().ok().and_then(|text| text.trim().parse::<u32>().ok()) {
        None => class.retry(Retry::Never),
        // A quota that says when it is there again is a throttle.
        Some(millis) => match class.kind {
            Kind::ResourceExhausted => Class::new(Kind::Throttled),
            _ => class,
        }
        .retry_after(Duration::from_millis(millis.into())),
    }
}
