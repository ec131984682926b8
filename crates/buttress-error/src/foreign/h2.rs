//! The errors of h2.

use std::error::Error as StdError;

use h2::{Error, Reason};

use super::io::on_connection;
use crate::class::Class;
use crate::classify::Classify;
use crate::foreign::Transport;

impl Classify for Error {
    fn class(&self) -> Class {
        own(self).class()
    }
}

pub(super) fn class(error: &(dyn StdError + 'static)) -> Option<Class> {
    error.downcast_ref::<Error>().map(Classify::class)
}

/// A stream is safe to retry only if the peer says so. h2 reports a received GOAWAY to the streams above the last one that it
/// names, and to later ones. Its code is the reason for closing the connection, and does not describe
/// these streams ([RFC 9113](https://www.rfc-editor.org/rfc/rfc9113#section-6.8)).
pub(super) fn own(error: &Error) -> Transport {
    if let Some(error) = error.get_io() {
        return on_connection(error).unwrap_or(Transport::Reset);
    }
    match error.reason() {
        Some(Reason::REFUSED_STREAM) if error.is_reset() && error.is_remote() => Transport::RefusedStream,
        _ if error.is_go_away() && error.is_remote() => Transport::GoAway,
        Some(reason) if error.is_library() && is_malformed(reason) => Transport::Undecodable,
        _ => Transport::Reset,
    }
}

/// Returns `true` if h2 closes a stream or a connection for this reason when the server has sent something invalid.
fn is_malformed(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::PROTOCOL_ERROR
            | Reason::FRAME_SIZE_ERROR
            | Reason::COMPRESSION_ERROR
            | Reason::FLOW_CONTROL_ERROR
            | Reason::STREAM_CLOSED
    )
}
