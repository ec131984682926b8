//! gRPC over HTTP: the status in a header, pushback, and responses of proxies.

use buttress_error::{BreakerEffect, Class, Kind};
use http::{HeaderMap, StatusCode, header};

use super::base64;

/// Returns `true` if the message is of gRPC. gRPC-Web is another protocol.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    let rest = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.as_bytes().strip_prefix(b"application/grpc"));
    matches!(rest, Some([] | [b'+' | b';', ..]))
}

/// Returns the number in `grpc-status`; 2 (unknown) if the header is not a number.
pub(crate) fn status(headers: &HeaderMap) -> Option<u8> {
    let text = headers.get("grpc-status")?.to_str().unwrap_or_default().trim();
    // `parse` accepts a sign.
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    Some(text.parse().ok().filter(|_| digits).unwrap_or(Kind::Unknown.number()))
}

/// Returns the class of a response to a gRPC call; `None` for a success, and for a stream, whose status comes at its end.
pub(super) fn class(http: StatusCode, headers: &HeaderMap) -> Option<Class> {
    let class = match status(headers) {
        Some(0) => return None,
        Some(number) => Class::of_grpc(number),
        None if http == StatusCode::OK && is_grpc(headers) => return None,
        None => of_proxy(http),
    };
    let details = headers.get("grpc-status-details-bin").and_then(|text| base64::decode(text.as_bytes()));
    let class = details.map_or(class, |details| class.retry_info(&details));
    Some(match headers.get("grpc-retry-pushback-ms") {
        Some(millis) => class.push_back(millis.to_str().unwrap_or_default()),
        None => class,
    })
}

/// Returns the class of a response without a gRPC status, which is that of a proxy. A status that is neutral for a circuit
/// breaker in HTTP, such as a redirect, is neutral here as well. A good status is not: a gRPC response without a gRPC status
/// is broken.
fn of_proxy(http: StatusCode) -> Class {
    let class = Class::new(kind_of_proxy(http));
    match Class::of_http(http.as_u16()).breaker_effect {
        Some(BreakerEffect::No) if !http.is_success() => class.breaker_effect(BreakerEffect::No),
        _ => class,
    }
}

/// Returns the kind of a proxy's response for a gRPC server:
/// [http-grpc-status-mapping](https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md).
const fn kind_of_proxy(http: StatusCode) -> Kind {
    match http.as_u16() {
        400 | 431 => Kind::Internal,
        401 => Kind::Unauthenticated,
        403 => Kind::PermissionDenied,
        404 => Kind::Unimplemented,
        429 | 502..=504 => Kind::Unavailable,
        _ => Kind::Unknown,
    }
}
