//! The `Status` of tonic.

use std::error::Error as StdError;

use tonic::{Code, ConnectError, Status, TimeoutExpired};

use super::links::links;
use super::wire::{after_connect, before_connect};
use crate::class::Class;
use crate::classify::Classify;
use crate::foreign::Transport;
use crate::kind::Kind;

type Link = dyn StdError + 'static;

/// Classifies by the code, with push-back (`grpc-retry-pushback-ms`) or `RetryInfo`. A status that tonic created itself, without
/// a response, is classified by its source, which distinguishes a failed connection from a broken one, and a timeout from
/// a cancellation by the caller. So is a status of code UNKNOWN, which tonic creates for any other error.
impl Classify for Status {
    fn class(&self) -> Class {
        if let Some(transport) = self.source().and_then(no_answer) {
            return transport.class();
        }
        if let (Code::Unknown, Some(source)) = (self.code(), self.source())
            && let class = super::classify(source)
            && class.kind != Kind::Unknown
        {
            return class.public_if(false);
        }
        let class = Class::of_grpc(self.code() as u8).retry_info(self.details());
        match self.metadata().get("grpc-retry-pushback-ms") {
            Some(millis) => class.push_back(millis.to_str().unwrap_or_default()),
            None => class,
        }
    }
}

/// Returns why there was no response, if the source is an error of the client's connection.
fn no_answer(source: &Link) -> Option<Transport> {
    links(source).find_map(|link| {
        if link.is::<TimeoutExpired>() {
            Some(Transport::ReadTimeout)
        } else if link.is::<ConnectError>() {
            Some(before_connect(link))
        } else if link.is::<hyper::Error>() || link.is::<h2::Error>() {
            Some(after_connect(link).unwrap_or(Transport::Reset))
        } else {
            None
        }
    })
}

pub(super) fn class(error: &Link) -> Option<Class> {
    error.downcast_ref::<Status>().map(Classify::class)
}
