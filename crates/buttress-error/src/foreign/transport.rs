//! `Transport`: why there was no usable response.

use crate::axes::{Delivery, RetryAdvice};
use crate::class::Class;
use crate::kind::Kind;

/// Why there was no usable response to an HTTP request.
///
/// ```
/// use buttress_error::{Class, Delivery, Kind, Transport};
///
/// let class = Class::from(Transport::Connect);
/// assert_eq!((class.kind, class.delivery), (Kind::Unavailable, Delivery::NotProcessed));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Transport {
    /// The host has no address. (Client errors are classified as [`Connect`](Self::Connect), which has the same class.)
    Dns,
    /// No connection: refused, unreachable, timed out, aborted while connecting, or closed before the request was
    /// written.
    Connect,
    /// No connection, because this host has no free file descriptor, buffer or local port. Never retried, and not a fault
    /// of the dependency.
    HostExhausted,
    /// No secure connection: a certificate is untrusted or missing, or there is no common version or cipher. Never
    /// retried.
    Untrusted,
    /// No connection, because a proxy asks for credentials. Never retried, and not a fault of the dependency.
    ProxyUnauthenticated,
    /// No connection, because a proxy refused to make one. Never retried, and not a fault of the dependency.
    ProxyRefused,
    /// The server refused the HTTP/2 stream without processing it.
    RefusedStream,
    /// The server closed the HTTP/2 connection, and the stream is not among those that it may have processed.
    GoAway,
    /// The connection broke, or closed before the end of the response.
    Reset,
    /// No response in time.
    ReadTimeout,
    /// The response is not valid HTTP, or its body does not match its headers.
    Undecodable,
    /// Too many redirects, or one to a forbidden target. Never retried.
    Redirect,
    /// This client cannot send the request: an invalid URL or header, or an unsupported scheme.
    InvalidRequest,
    /// The body of the request failed while it was being sent.
    RequestBody,
    /// The caller cancelled the call.
    Cancelled,
}

impl Transport {
    /// Returns its class.
    #[must_use]
    pub const fn class(self) -> Class {
        match self {
            Self::Dns | Self::Connect | Self::RefusedStream | Self::GoAway => {
                Class::new(Kind::Unavailable).delivery(Delivery::NotProcessed)
            }
            Self::HostExhausted => Class::new(Kind::ResourceExhausted).delivery(Delivery::NotProcessed),
            // The remedy for a missing token of the origin does not apply here.
            Self::ProxyUnauthenticated => {
                Class::new(Kind::Unauthenticated).retry(RetryAdvice::Never).delivery(Delivery::NotProcessed)
            }
            Self::ProxyRefused => Class::new(Kind::PermissionDenied).delivery(Delivery::NotProcessed),
            Self::Untrusted => Class::new(Kind::FailedPrecondition)
                .retry(RetryAdvice::Never)
                .delivery(Delivery::NotProcessed),
            Self::Reset => Class::new(Kind::Unavailable),
            Self::ReadTimeout => Class::new(Kind::Timeout),
            Self::Undecodable => Class::new(Kind::BadResponse),
            Self::Redirect => {
                Class::new(Kind::FailedPrecondition).retry(RetryAdvice::Never).delivery(Delivery::Unknown)
            }
            Self::InvalidRequest => Class::new(Kind::InvalidArgument).delivery(Delivery::NotProcessed),
            Self::RequestBody => Class::new(Kind::InvalidArgument).delivery(Delivery::Unknown),
            Self::Cancelled => Class::new(Kind::Cancelled),
        }
    }
}

impl From<Transport> for Class {
    fn from(transport: Transport) -> Self {
        transport.class()
    }
}
