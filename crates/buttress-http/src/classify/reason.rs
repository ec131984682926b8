//! The reason of a client's error as a short text. Clients put it at the end of a chain of errors.

use std::error::Error as StdError;
use std::io;

#[cfg(feature = "reqwest")]
use buttress_error::Kind;
use buttress_error::{Classify, Transport, links};

type Link<'e> = &'e (dyn StdError + 'static);

/// Returns the text for the first known error in the chain; `None` if the error's own message is better.
pub(super) fn reason(error: Link<'_>) -> Option<&'static str> {
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
    links(error).find_map(of_link)
}

fn of_link(link: Link<'_>) -> Option<&'static str> {
    #[cfg(feature = "http2")]
    if let Some(error) = link.downcast_ref::<h2::Error>() {
        return of_h2(error);
    }
    #[cfg(feature = "reqwest")]
    if let Some(error) = link.downcast_ref::<hyper::Error>() {
        return of_hyper(error);
    }
    match link.downcast_ref::<io::Error>() {
        Some(error) => of_system(error),
        None => of_text(&link.to_string()),
    }
}

/// Recognizes errors whose types are private by their message.
fn of_text(text: &str) -> Option<&'static str> {
    match text {
        "dns error" => Some("name not resolved"),
        "tunnel error: proxy authorization required" => Some("proxy requires credentials"),
        "tunnel error: unsuccessful" => Some("proxy refused the connection"),
        _ => None,
    }
}

/// Recognizes an operating system's error by its number: some numbers have no `ErrorKind`.
fn of_system(error: &io::Error) -> Option<&'static str> {
    let exhausted = error.raw_os_error().is_some() && error.class() == Transport::HostExhausted.class();
    if exhausted { Some("no file descriptor or buffer left on this host") } else { of_io(error.kind()) }
}

#[cfg(feature = "reqwest")]
fn of_hyper(error: &hyper::Error) -> Option<&'static str> {
    if error.is_user() {
        let at_fault = error.class().kind == Kind::InvalidArgument;
        Some(if at_fault { "request body failed" } else { "connection closed before the response" })
    } else if error.is_parse() {
        Some("response is not HTTP")
    } else if error.is_incomplete_message() {
        Some("connection closed before the response")
    } else if error.is_canceled() {
        Some("connection closed before the request")
    } else {
        None
    }
}

#[cfg(feature = "http2")]
fn of_h2(error: &h2::Error) -> Option<&'static str> {
    if let Some(error) = error.get_io() {
        of_system(error)
    } else if error.class() == Transport::Undecodable.class() {
        Some("response is not HTTP")
    } else if error.is_go_away() {
        Some(if error.is_remote() {
            "connection closed by goaway"
        } else {
            "connection closed by this client"
        })
    } else if error.reason() == Some(h2::Reason::REFUSED_STREAM) {
        Some("stream refused")
    } else if error.is_reset() {
        Some(if error.is_remote() { "stream reset" } else { "stream reset by this client" })
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
        io::ErrorKind::AddrNotAvailable => "no local address or port left",
        // Every failure in a TLS handshake of rustls.
        io::ErrorKind::InvalidData => "TLS handshake failed",
        _ => return None,
    })
}
