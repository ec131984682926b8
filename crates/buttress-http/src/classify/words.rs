//! What went wrong on the way, in words that fit on one line: clients bury them at the end of a chain.

use std::error::Error as StdError;
use std::{io, iter};

#[cfg(feature = "reqwest")]
use buttress_error::{Classify, Kind};

type Link<'e> = &'e (dyn StdError + 'static);

/// The words for what the first link that knows says; none where the error says it well enough itself.
pub(super) fn words(error: Link<'_>) -> Option<&'static str> {
    #[cfg(feature = "reqwest")]
    if let Some(error) = error.downcast_ref::<reqwest::Error>() {
        if error.is_builder() {
            return Some("invalid request");
        }
        if error.is_redirect() || error.is_status() {
            return None;
        }
        if error.is_timeout() {
            return Some(if error.is_connect() { "connecting timed out" } else { "timed out" });
        }
    }
    chain(error).find_map(one)
}

fn one(link: Link<'_>) -> Option<&'static str> {
    #[cfg(feature = "http2")]
    if let Some(error) = link.downcast_ref::<h2::Error>() {
        return of_h2(error);
    }
    #[cfg(feature = "reqwest")]
    if let Some(error) = link.downcast_ref::<hyper::Error>() {
        return of_hyper(error);
    }
    match link.downcast_ref::<io::Error>() {
        Some(error) => of_io(error.kind()),
        // The type has no public name.
        None => (link.to_string() == "dns error").then_some("name not resolved"),
    }
}

#[cfg(feature = "reqwest")]
fn of_hyper(error: &hyper::Error) -> Option<&'static str> {
    if error.is_user() {
        let at_fault = error.class().kind == Kind::InvalidArgument;
        Some(if at_fault { "request body failed" } else { "connection closed before the answer" })
    } else if error.is_parse() {
        Some("answer is no HTTP")
    } else if error.is_incomplete_message() {
        Some("connection closed before the answer")
    } else if error.is_canceled() {
        Some("connection closed before the request")
    } else {
        None
    }
}

#[cfg(feature = "http2")]
fn of_h2(error: &h2::Error) -> Option<&'static str> {
    if let Some(error) = error.get_io() {
        of_io(error.kind())
    } else if error.is_go_away() {
        // One of our own answers what is no HTTP/2.
        Some(if error.is_remote() { "connection closed by goaway" } else { "answer is no HTTP" })
    } else if error.reason() == Some(h2::Reason::REFUSED_STREAM) {
        Some("stream refused")
    } else if error.is_reset() {
        Some("stream reset")
    } else {
        None
    }
}

const fn of_io(kind: io::ErrorKind) -> Option<&'static str> {
    Some(match kind {
        io::ErrorKind::ConnectionRefused => "connection refused",
        io::ErrorKind::ConnectionReset => "connection reset",
        io::ErrorKind::ConnectionAborted => "connection aborted",
        io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof => "connection closed",
        io::ErrorKind::HostUnreachable => "host unreachable",
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::NetworkDown => "network unreachable",
        io::ErrorKind::TimedOut => "timed out",
        // All that goes wrong in a handshake of rustls.
        io::ErrorKind::InvalidData => "no secure connection",
        _ => return None,
    })
}

/// The error and its causes, nearest first. `io::Error::source` passes over the error that it carries; this does not.
pub(super) fn chain(error: Link<'_>) -> impl Iterator<Item = Link<'_>> {
    iter::successors(Some(error), |link| inside(*link)).take(64)
}

fn inside(error: Link<'_>) -> Option<Link<'_>> {
    let carried = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    carried.map_or_else(|| error.source(), |carried| Some(carried))
}
