//! What the links below a client's error say: hyper, h2 and the system.

use std::error::Error as StdError;
use std::io;

use super::links::links;
use crate::Transport;

/// Why there is no connection. rustls says of everything that goes wrong in its handshake that the data is invalid.
#[cfg(any(feature = "hyper-util", feature = "reqwest"))]
pub(super) fn before_connect(error: &(dyn StdError + 'static)) -> Transport {
    let mut system = links(error).filter_map(|link| link.downcast_ref::<io::Error>());
    if system.any(|link| link.kind() == io::ErrorKind::InvalidData) {
        Transport::Untrusted
    } else {
        Transport::Connect
    }
}

/// What the first link that knows says, once a connection was there; none where no link does.
pub(super) fn after_connect(error: &(dyn StdError + 'static)) -> Option<Transport> {
    links(error).find_map(one)
}

fn one(link: &(dyn StdError + 'static)) -> Option<Transport> {
    #[cfg(feature = "h2")]
    if let Some(error) = link.downcast_ref::<h2::Error>() {
        return super::h2::own(error);
    }
    #[cfg(feature = "hyper")]
    if let Some(error) = link.downcast_ref::<hyper::Error>() {
        return super::hyper::own(error);
    }
    link.downcast_ref::<io::Error>().and_then(system)
}

/// The request may have arrived, whatever the system says: so this is not the table of `io::ErrorKind`. An `io::Error`
/// that only carries another one says nothing itself.
fn system(error: &io::Error) -> Option<Transport> {
    match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => Some(Transport::Undecodable),
        io::ErrorKind::Other => None,
        _ => Some(Transport::Reset),
    }
}
