//! reqwest's errors, and what hyper, h2 and the system say inside them.

use std::error::Error as StdError;
use std::{io, iter};

use buttress_error::Error;

use super::{Profile, Transport, status};

#[track_caller]
pub(super) fn translate(error: reqwest::Error) -> Error {
    let class = match error.status() {
        // `error_for_status` has been called on a status that was passed through.
        Some(code) => status::class(code.as_u16(), Profile::Strict),
        None => Transport::of_reqwest(&error).class(),
    };
    let place = error.url().map(redacted);
    let error = error.without_url();
    let error = if names_url(&error) {
        // A cause can't be changed, so none of them stays.
        Error::new(class, error.to_string())
    } else {
        Error::wrap(class, error)
    };
    match place {
        Some(place) => error.note(place),
        None => error,
    }
}

/// Does a cause of it show a URL of its own?
fn names_url(error: &reqwest::Error) -> bool {
    chain(error).filter_map(|link| link.downcast_ref::<reqwest::Error>()).any(|error| error.url().is_some())
}

/// Scheme, host, port and path, at most 256 characters.
fn redacted(url: &reqwest::Url) -> String {
    let mut text = format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default());
    if let Some(port) = url.port() {
        text.push_str(&format!(":{port}"));
    }
    text.push_str(url.path());
    text.chars().take(256).collect()
}

/// The error and its causes, nearest first. `io::Error::source` passes over the error that it carries; this does not.
fn chain<'e>(error: &'e (dyn StdError + 'static)) -> impl Iterator<Item = &'e (dyn StdError + 'static)> {
    iter::successors(Some(error), |error| inside(*error)).take(64)
}

fn inside<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e (dyn StdError + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(carried) => Some(carried),
        None => error.source(),
    }
}

impl Transport {
    fn of_reqwest(error: &reqwest::Error) -> Self {
        if error.is_builder() {
            Self::InvalidRequest
        } else if error.is_redirect() {
            Self::Redirect
        } else if error.is_connect() {
            Self::of_connect(error)
        } else if error.is_timeout() {
            Self::ReadTimeout
        } else if let Some(known) = chain(error).find_map(Self::of_link) {
            known
        } else if error.is_decode() {
            Self::Undecodable
        } else {
            Self::Reset
        }
    }

    /// rustls says of everything that goes wrong in its handshake that the data is invalid.
    fn of_connect(error: &reqwest::Error) -> Self {
        let mut links = chain(error).filter_map(|link| link.downcast_ref::<io::Error>());
        if links.any(|link| link.kind() == io::ErrorKind::InvalidData) {
            Self::Untrusted
        } else {
            Self::Connect
        }
    }

    /// What one link of the chain knows, once a connection was there.
    fn of_link(link: &(dyn StdError + 'static)) -> Option<Self> {
        #[cfg(feature = "http2")]
        if let Some(error) = link.downcast_ref::<h2::Error>() {
            return Some(Self::of_h2(error));
        }
        if let Some(error) = link.downcast_ref::<hyper::Error>() {
            return Self::of_hyper(error);
        }
        link.downcast_ref::<io::Error>().and_then(Self::of_io)
    }

    fn of_hyper(error: &hyper::Error) -> Option<Self> {
        if error.is_user() {
            Some(Self::RequestBody)
        } else if error.is_parse() {
            Some(Self::Undecodable)
        } else if error.is_incomplete_message() {
            Some(Self::Reset)
        } else {
            None
        }
    }

    /// Both are safe to repeat only when the other side says so: a stream of our own making tells nothing.
    #[cfg(feature = "http2")]
    fn of_h2(error: &h2::Error) -> Self {
        match error.reason() {
            Some(h2::Reason::REFUSED_STREAM) if error.is_reset() && error.is_remote() => Self::RefusedStream,
            Some(h2::Reason::NO_ERROR) if error.is_go_away() && error.is_remote() => Self::GoAway,
            _ => Self::Reset,
        }
    }

    /// An `io::Error` that only carries another one says nothing itself.
    fn of_io(error: &io::Error) -> Option<Self> {
        match error.kind() {
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => Some(Self::Undecodable),
            io::ErrorKind::Other => None,
            _ => Some(Self::Reset),
        }
    }
}
