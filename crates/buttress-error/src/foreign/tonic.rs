//! gRPC's `Status`.

use std::error::Error as StdError;

use tonic::{ConnectError, Status, TimeoutExpired};

use super::links::links;
use crate::{Class, Classify, Transport};

/// By its code, with push-back (`grpc-retry-pushback-ms`) or `RetryInfo`. A status that tonic made itself, because no
/// answer came, goes by why none came: it knows a failed connection from a broken one, and a timeout from the caller's
/// own cancellation.
impl Classify for Status {
    fn class(&self) -> Class {
        if let Some(transport) = self.source().and_then(|source| links(source).find_map(local)) {
            return transport.class();
        }
        let class = Class::of_grpc(self.code() as u8).retry_info(self.details());
        match self.metadata().get("grpc-retry-pushback-ms") {
            Some(millis) => class.push_back(millis.to_str().unwrap_or_default()),
            None => class,
        }
    }
}

/// What one link knows of why no answer came.
fn local(link: &(dyn StdError + 'static)) -> Option<Transport> {
    if link.is::<TimeoutExpired>() {
        return Some(Transport::ReadTimeout);
    }
    if link.is::<ConnectError>() {
        return Some(Transport::Connect);
    }
    #[cfg(feature = "h2")]
    if let Some(error) = link.downcast_ref::<h2::Error>() {
        return super::h2::own(error);
    }
    #[cfg(feature = "hyper")]
    if let Some(error) = link.downcast_ref::<hyper::Error>() {
        return super::hyper::own(error);
    }
    None
}

pub(super) fn class(error: &(dyn StdError + 'static)) -> Option<Class> {
    error.downcast_ref::<Status>().map(Classify::class)
}
