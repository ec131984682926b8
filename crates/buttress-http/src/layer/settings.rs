//! `Settings`: shared by all clones of a layer and by its services.

use std::sync::Arc;
use std::time::Duration;

use buttress_error::{BoxError, Classify, Delivery, Error, Rejection, Transport};

use super::request_line::RequestLine;
use crate::classify::{ByStatus, stalled, translate};
use crate::client::IntoHttp;
use crate::guard::BodyGuard;
use crate::headers::Outgoing;
use crate::upload::Watch;

#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) name: Arc<str>,
    pub(super) classifier: ByStatus,
    pub(super) on_bad_status: OnBadStatus,
    pub(super) outgoing: Outgoing,
    /// The longest gap between two frames in the body of a good response.
    pub(super) idle_timeout: Option<Duration>,
    /// A layer may wait for the end of such a body.
    pub(super) judge_at_body_end: bool,
}

/// What the service does with a response whose status is bad.
#[derive(Clone, Copy, Debug)]
pub(super) enum OnBadStatus {
    /// Returns an error, with up to `max_bytes` of the body that arrive within `limit`.
    Error { max_bytes: usize, limit: Duration },
    /// Returns the response.
    Pass,
}

impl Settings {
    /// Translates an error of the client. An [`Error`] keeps the location where it was created.
    pub(super) fn translate(&self, error: BoxError) -> Error {
        match error.downcast::<Error>() {
            Ok(error) => error.with_domain(Arc::clone(&self.name)),
            Err(foreign) => self.mark_as_dependency(translate(foreign)),
        }
    }

    /// Returns the error of a request that got no response, perhaps because its own body failed or stalled.
    pub(super) fn failed(
        &self,
        error: BoxError,
        upload: Option<&Watch>,
        request_line: &RequestLine,
    ) -> Error {
        let error = without_url(error, request_line.url());
        let error = match upload.and_then(Watch::failure) {
            Some(reason) => self
                .mark_as_dependency(as_body_failure(translate(error)))
                .note(format!("request body: {reason}")),
            None => self.translate(error),
        };
        let class = stalled(*error.class());
        let is_stalled =
            class.kind != error.kind() && upload.is_some_and(|upload| upload.clock().read().is_stalled());
        let error = if is_stalled { error.reclassify(class).context("request body stalled") } else { error };
        error.note(request_line.to_string())
    }

    /// Returns the error of a request whose deadline has passed.
    pub(super) fn deadline_exceeded(&self, request_line: &RequestLine) -> Error {
        let rejection = Rejection::deadline(Arc::clone(&self.name), Duration::ZERO, Duration::ZERO, None);
        let class = rejection.class().delivery(Delivery::NotProcessed);
        Error::wrap(class, rejection).without_location().note(request_line.to_string())
    }

    /// Guards the body of a response that the caller reads after the call.
    pub(super) fn guard_body<Res: IntoHttp>(&self, response: Res) -> Res {
        response.guarded(|| BodyGuard::of_call(&self.name, self.idle_timeout, self.judge_at_body_end))
    }

    /// Marks an error that this layer created as the dependency's.
    pub(super) fn mark_as_dependency(&self, error: Error) -> Error {
        error.without_location().of_dependency(Arc::clone(&self.name))
    }
}

/// Makes `error` a failure of the request's body. Clients report it as one over HTTP/1; over HTTP/2 they report a reset
/// stream, which would be the server's fault.
fn as_body_failure(error: Error) -> Error {
    let class = Transport::RequestBody.class();
    if error.kind() == class.kind { error } else { error.reclassify(class).context("request body failed") }
}

/// Removes the URL of a `reqwest::Error` if it is that of the request, which the error has as a note. Another one says
/// where a redirect led.
fn without_url(error: BoxError, url: &str) -> BoxError {
    #[cfg(feature = "reqwest")]
    let error = match error.downcast::<reqwest::Error>() {
        Ok(error) => {
            let is_same = error.url().is_some_and(|own| {
                let mut own = own.clone();
                // They fail for a URL that cannot have a password, which has none then.
                let _ = (own.set_username(""), own.set_password(None));
                own.set_query(None);
                own.set_fragment(None);
                own.as_str() == url
            });
            return if is_same { error.without_url().into() } else { error };
        }
        Err(error) => error,
    };
    let _ = url;
    error
}
