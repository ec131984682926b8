//! gRPC over HTTP: status in a header, push-back, and proxies that know nothing of it.

use buttress_error::{BreakerEffect, Class, Kind};
use http::{HeaderMap, StatusCode, header};

use super::base64;

/// Is it a message of gRPC? (gRPC-Web is another protocol.)
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    let rest = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.as_bytes().strip_prefix(b"application/grpc"));
    matches!(rest, Some([] | [b'+' | b';', ..]))
}

/// The number in `grpc-status`; 2 (unknown) where it is none.
pub(crate) fn status(headers: &HeaderMap) -> Option<u8> {
    let text = headers.get("grpc-status")?.to_str().unwrap_or_default().trim();
    // `parse` would take a sign.
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    Some(text.parse().ok().filter(|_| digits).unwrap_or(Kind::Unknown.number()))
}

/// The class of an answer to a gRPC call; none for a success, or a stream whose status will come after it.
pub(super) fn class(http: StatusCode, headers: &HeaderMap) -> Option<Class> {
    let class = match status(headers) {
        Some(0) => return None,
        Some(number) => Class::of_grpc(number),
        None if http == StatusCode::OK && is_grpc(headers) => return None,
        None => proxied(http),
    };
    let details = headers.get("grpc-status-details-bin").and_then(|text| base64::decode(text.as_bytes()));
    let class = details.map_or(class, |details| class.retry_info(&details));
    Some(match headers.get("grpc-retry-pushback-ms") {
        Some(millis) => class.push_back(millis.to_str().unwrap_or_default()),
        None => class,
    })
}

/// The answer of a proxy. What an HTTP answer would not say about the server, such as a redirect, it does not say here
/// either. A good status is no excuse: a gRPC answer without a status is broken.
fn proxied(http: StatusCode) -> Class {
    let class = Class::new(by_proxy(http));
    match Class::of_http(http.as_u16()).breaker_effect {
        Some(BreakerEffect::No) if !http.is_success() => class.breaker_effect(BreakerEffect::No),
        _ => class,
    }
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
