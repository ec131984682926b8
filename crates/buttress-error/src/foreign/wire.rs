//! What the links below a client's error say: hyper, h2 and the system.

use std::error::Error as StdError;
use std::io;

#[cfg(any(feature = "hyper-util", feature = "reqwest", feature = "tonic"))]
use super::io::is_host_exhausted;
use super::io::on_connection;
use super::links::links;
#[cfg(any(feature = "hyper-util", feature = "reqwest", feature = "tonic"))]
use super::shown::shown;
use super::tls::{Alert, alert};
use crate::Transport;

type Link = dyn StdError + 'static;

/// Why there is no connection.
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
        // rustls says so of everything that goes wrong in its handshake.
        io::ErrorKind::InvalidData => Some(Transport::Untrusted),
        _ => alert(error).map(|_| Transport::Untrusted),
    }
}

/// Why a proxy made no tunnel: hyper-util's error has no public type, and tells 407 from all other statuses only.
#[cfg(any(feature = "hyper-util", feature = "reqwest", feature = "tonic"))]
fn tunnel(link: &Link) -> Option<Transport> {
    match shown(link).as_str() {
        "tunnel error: proxy authorization required" => Some(Transport::ProxyUnauthenticated),
        "tunnel error: unsuccessful" => Some(Transport::ProxyRefused),
        _ => None,
    }
}

/// What the first link that knows says, once a connection was there; none where no link does. A refused handshake goes
/// before all others, which say only that the connection ended.
pub(super) fn after_connect(error: &Link) -> Option<Transport> {
    let refused = |link: &Link| link_io(link).and_then(alert) == Some(Alert::Handshake);
    if links(error).any(refused) { Some(Transport::Untrusted) } else { links(error).find_map(one) }
}

/// The error of the system that a link is or carries. h2 shows its own to nobody but those who ask.
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
