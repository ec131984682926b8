//! The errors of hyper-util's client.

use std::error::Error as StdError;

use hyper_util::client::legacy::Error;

use super::wire::{after_connect, before_connect};
use crate::class::Class;
use crate::classify::Classify;
use crate::foreign::Transport;

impl Classify for Error {
    fn class(&self) -> Class {
        let transport = if self.is_connect() {
            before_connect(self)
        } else if self.source().is_none() {
            // An error without a cause means that it cannot send the request: its version, method or URL.
            Transport::InvalidRequest
        } else {
            after_connect(self).unwrap_or(Transport::Reset)
        };
        transport.class()
    }
}

pub(super) fn class(error: &(dyn StdError + 'static)) -> Option<Class> {
    error.downcast_ref::<Error>().map(Classify::class)
}
