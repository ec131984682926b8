//! What all clones of a layer share.

use std::sync::Arc;
use std::time::Duration;

use buttress_error::{BoxError, Classify, Delivery, Error, Rejection, Transport};

use super::asked::Asked;
use crate::classify::stalled;
use crate::headers::Outgoing;
use crate::upload::Watch;
use crate::{BodyGuard, ByStatus, IntoHttp, translate};

#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) name: Arc<str>,
    pub(super) classifier: ByStatus,
    pub(super) bad: Bad,
    pub(super) outgoing: Outgoing,
    /// The longest gap in the body of a good answer.
    pub(super) idle: Option<Duration>,
    /// Can layers wait for the end of such a body?
    pub(super) judge_at_body_end: bool,
}

/// What becomes of a bad status.
#[derive(Clone, Copy, Debug)]
pub(super) enum Bad {
    /// It is an error, with up to `bytes` of the body that came within `time`.
    Error { bytes: usize, time: Duration },
    /// It is passed on.
    Pass,
}

impl Settings {
    /// The client is not ready, or failed. An error that was ours before keeps the place where it was made.
    pub(super) fn translate(&self, error: BoxError) -> Error {
        match error.downcast::<Error>() {
            Ok(ours) => ours.domain(Arc::clone(&self.name)),
            Err(foreign) => self.stamp(translate(foreign)),
        }
    }

    /// The request `asked` failed, perhaps because its own body has, or has not come.
    pub(super) fn failed(&self, error: BoxError, upload: Option<&Watch>, asked: &Asked) -> Error {
        let error = without_url(error, asked.url());
        let error = match upload.and_then(Watch::failure) {
            Some(why) => self.stamp(of_body(translate(error))).note(format!("request body: {why}")),
            None => self.translate(error),
        };
        let class = stalled(*error.class());
        let is_stalled =
            class.kind != error.kind() && upload.is_some_and(|upload| upload.clock().read().is_stalled());
        let error = if is_stalled { error.reclassify(class).context("request body stalled") } else { error };
        error.note(asked.to_string())
    }

    /// The deadline of the request `asked` is over.
    pub(super) fn late(&self, asked: &Asked) -> Error {
        let rejection = Rejection::deadline(Arc::clone(&self.name), Duration::ZERO, Duration::ZERO, None);
        let class = rejection.class().delivery(Delivery::NotProcessed);
        Error::wrap(class, rejection).without_location().note(asked.to_string())
    }

    /// An answer for the caller, whose body is read after the call.
    pub(super) fn guarded<Res: IntoHttp>(&self, answer: Res) -> Res {
        answer.guarded(|| BodyGuard::of_call(&self.name, self.idle, self.judge_at_body_end))
    }

    /// An error that this layer made: it is the dependency's.
    pub(super) fn stamp(&self, error: Error) -> Error {
        error.without_location().of_dependency(Arc::clone(&self.name))
    }
}

/// Over HTTP/1 clients say so. Over HTTP/2 they only say that the stream was reset, which would be the server's fault.
fn of_body(error: Error) -> Error {
    let class = Transport::RequestBody.class();
    if error.kind() == class.kind { error } else { error.reclassify(class).context("request body failed") }
}

/// What `asked` says need not be said twice. Where a redirect led is news.
fn without_url(error: BoxError, asked: &str) -> BoxError {
    #[cfg(feature = "reqwest")]
    let error = match error.downcast::<reqwest::Error>() {
        Ok(error) => {
            let same = error.url().is_some_and(|url| {
                let mut url = url.clone();
                // A URL that takes no password has none.
                let _ = (url.set_username(""), url.set_password(None));
                url.set_query(None);
                url.set_fragment(None);
                url.as_str() == asked
            });
            return if same { error.without_url().into() } else { error };
        }
        Err(error) => error,
    };
    let _ = asked;
    error
}
