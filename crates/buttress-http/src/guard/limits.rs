//! `BodyGuard`: the limits of a response body.

use std::sync::Arc;
use std::time::Duration;

use buttress_context::Context;
use buttress_error::BoxError;
use http::Response;
use http_body::Body;
use tokio::time::Instant;

use super::body::GuardedBody;
use crate::body_end::{TrackedBody, track_body};

/// The limits of the body of a good response: its context with the deadline, and the idle timeout.
///
/// [`HttpLayer`](crate::HttpLayer) passes one to [`IntoHttp::guarded`](crate::IntoHttp::guarded) if the call has a context or
/// a limit.
#[derive(Clone, Debug)]
pub struct BodyGuard {
    pub(super) context: Context,
    /// The time when the head came.
    pub(super) start: Instant,
    pub(super) idle: Option<Duration>,
    pub(super) name: Arc<str>,
    judge_at_end: bool,
}

impl BodyGuard {
    /// Creates the guard of the current call; `None` if the call has neither a context nor a limit.
    pub(crate) fn of_call(name: &Arc<str>, idle: Option<Duration>, judge_at_end: bool) -> Option<Self> {
        let context = Context::read(|context| {
            (idle.is_some() || judge_at_end || !context.is_empty()).then(|| context.clone())
        })?;
        Some(Self { context, start: Instant::now(), idle, name: Arc::clone(name), judge_at_end })
    }

    /// Guards the body of a response, and [tracks](crate::track_body) it if layers may wait for its end.
    #[must_use]
    pub fn guard<B>(self, response: Response<B>) -> Response<TrackedBody<GuardedBody<B>>>
    where
        B: Body + Unpin,
        B::Error: Into<BoxError>,
    {
        let judge_at_end = self.judge_at_end;
        let response = response.map(|body| GuardedBody::new(self, body));
        if judge_at_end { track_body(response) } else { response.map(TrackedBody::untracked) }
    }
}
