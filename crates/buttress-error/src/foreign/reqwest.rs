//! The errors of reqwest, and their parts that are not secret.

use std::error::Error as StdError;

use reqwest::{Error, Url};

use super::links::links;
use super::wire::{after_connect, before_connect};
use crate::BoxError;
use crate::class::Class;
use crate::classify::Classify;
use crate::foreign::Transport;

/// Classifies by the cause, and the error of `error_for_status` by its status, without `Retry-After` and body: it no longer has
/// the response. `buttress_http::HttpLayer` around the client keeps both.
impl Classify for Error {
    fn class(&self) -> Class {
        match self.status() {
            Some(code) => Class::of_http(code.as_u16()),
            None => transport(self).class(),
        }
    }
}

pub(super) fn class(error: &(dyn StdError + 'static)) -> Option<Class> {
    error.downcast_ref::<Error>().map(Classify::class)
}

fn transport(error: &Error) -> Transport {
    if error.is_builder() {
        Transport::InvalidRequest
    } else if error.is_redirect() {
        Transport::Redirect
    } else if error.is_connect() {
        before_connect(error)
    } else if error.is_timeout() {
        Transport::ReadTimeout
    } else if let Some(known) = after_connect(error) {
        known
    } else if error.is_decode() {
        Transport::Undecodable
    } else {
        Transport::Reset
    }
}

/// Returns the error without its URL, whose query or user-info may be secret, and the public part of that URL.
pub(super) fn redacted(error: Error) -> (BoxError, Option<String>) {
    let place = error.url().map(place);
    let error = error.without_url();
    // A cause cannot be changed, so if one contains a URL, all are dropped.
    let error = if names_url(&error) { error.to_string().into() } else { error.into() };
    (error, place)
}

/// Returns `true` if the message of a cause contains a URL.
fn names_url(error: &Error) -> bool {
    links(error).filter_map(|link| link.downcast_ref::<Error>()).any(|error| error.url().is_some())
}

/// Returns scheme, host, port and path, at most 256 characters.
fn place(url: &Url) -> String {
    let mut text = format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default());
    if let Some(port) = url.port() {
        text.push_str(&format!(":{port}"));
    }
    text.push_str(url.path());
    text.chars().take(256).collect()
}
