//! The transport errors among the causes of an HTTP client's error: those of hyper, h2 and the operating system.

use std::error::Error as StdError;
use std::io;

#[cfg(any(feature = "hyper-util", feature = "reqwest", feature = "tonic"))]
use super::bounded_text::bounded_text;
#[cfg(any(feature = "hyper-util", feature = "reqwest", feature = "tonic"))]
use super::io::is_host_exhausted;
use super::io::on_connection;
use super::links::links;
use super::tls::{Alert, alert};
use crate::foreign::Transport;

type Link = dyn StdError + 'static;

/// Returns why no connection was made.
#[cfg(any(feature = "hyper-util", feature = "reqwest", feature = "tonic"))]
pub(super) fn before_connect(error: &Link) -> Transport {
    links(error).find_map(no_connection).unwrap_or(Transport::Connect)
}

#[cfg(any(feature = "hyper-util", feature = "reqwest", feature = "tonic"))]
fn no_connection(link: &Link) -> Option<Transport> {
    let Some(error) = link.downcast_ref::<io::Error>() else { return tunnel(link) };
    if is_host_exhausted(error) {
        return Some(Transport::HostExhausted);
    }
    match error.kind() {
        io::ErrorKind::AddrNotAvailable | io::ErrorKind::OutOfMemory => Some(Transport::HostExhausted),
        // rustls uses it for every failure of its handshake.
        io::ErrorKind::InvalidData => Some(Transport::Untrusted),
        _ => alert(error).map(|_| Transport::Untrusted),
    }
}

/// Returns why a proxy made no tunnel. The error of hyper-util has no public type, and distinguishes only 407.
#[cfg(any(feature = "hyper-util", feature = "reqwest", feature = "tonic"))]
fn tunnel(link: &Link) -> Option<Transport> {
    match bounded_text(link).as_str() {
        "tunnel error: proxy authorization required" => Some(Transport::ProxyUnauthenticated),
        "tunnel error: unsuccessful" => Some(Transport::ProxyRefused),
        _ => None,
    }
}

/// Returns the failure of an established connection from the first link that has one. A refused handshake takes precedence:
/// other links only say that the connection ended.
pub(super) fn after_connect(error: &Link) -> Option<Transport> {
    let refused = |link: &Link| link_io(link).and_then(alert) == Some(Alert::Handshake);
    if links(error).any(refused) { Some(Transport::Untrusted) } else { links(error).find_map(one) }
}

/// Returns the `io::Error` that a link is or contains. h2 does not return its own as a source.
fn link_io(link: &Link) -> Option<&io::Error> {
    #[cfg(feature = "h2")]
    if let Some(error) = link.downcast_ref::<h2::Error>() {
        return error.get_io();
    }
    link.downcast_ref()
}

fn one(link: &Link) -> Option<Transport> {
    #[cfg(feature = "h2")]
    if let Some(error) = link.downcast_ref::<h2::Error>() {
        return Some(super::h2::own(error));
    }
    if let Some(error) = link.downcast_ref::<hyper::Error>() {
        return super::hyper::own(error);
    }
    link.downcast_ref::<io::Error>().and_then(on_connection)
}
