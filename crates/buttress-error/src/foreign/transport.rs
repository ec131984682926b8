//! `Transport`: why no answer came, or none that can be used.

use crate::axes::{Delivery, RetryAdvice};
use crate::class::Class;
use crate::kind::Kind;

/// Why no answer to an HTTP request came, or none that can be used.
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
    /// The host has no address. (Read from the errors of clients as [`Connect`](Self::Connect): the class is the same.)
    Dns,
    /// No connection: refused, unreachable, not in time, broken off while it was made, or gone before the request was
    /// written to it.
    Connect,
    /// No connection, because this host has no file descriptor, buffer or local port left for one. Never retried, and no
    /// fault of the dependency.
    HostExhausted,
    /// No secure connection: one side does not trust the other's certificate, or misses one, or the two cannot agree. Never
    /// retried.
    Untrusted,
    /// No connection, because a proxy asks for credentials. Never retried, and no fault of the dependency.
    ProxyUnauthenticated,
    /// No connection, because a proxy refused to make one. Never retried, and no fault of the dependency.
    ProxyRefused,
    /// The server refused the HTTP/2 stream, unprocessed.
    RefusedStream,
    /// The server closed the HTTP/2 connection, and excluded the stream from those that it may have processed.
    GoAway,
    /// The connection broke, or ended before the answer did.
    Reset,
    /// No answer in time.
    ReadTimeout,
    /// The answer is no HTTP, or its body is not what it says it is.
    Undecodable,
    /// Redirects without end, or to where they may not lead. Never retried.
    Redirect,
    /// The request can't be sent by this client: a bad URL or header, a scheme it does not speak.
    InvalidRequest,
    /// The request's own body failed while it was sent.
    RequestBody,
    /// The caller cancelled the call.
    Cancelled,
}

impl Transport {
    /// Its class.
    #[must_use]
    pub const fn class(self) -> Class {
        match self {
            Self::Dns | Self::Connect | Self::RefusedStream | Self::GoAway => {
                Class::new(Kind::Unavailable).delivery(Delivery::NotProcessed)
            }
            Self::HostExhausted => Class::new(Kind::ResourceExhausted).delivery(Delivery::NotProcessed),
            // The remedy for a missing token of the origin's is none for this.
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
