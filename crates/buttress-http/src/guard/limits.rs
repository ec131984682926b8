//! `BodyGuard`: what the body of an answer is to be guarded with.

use std::sync::Arc;
use std::time::Duration;

use buttress_context::Context;
use buttress_error::BoxError;
use http::Response;
use http_body::Body;
use tokio::time::Instant;

use super::GuardedBody;
use crate::{TrackedBody, track_body};

/// How the body of a good answer is guarded: its context, the deadline in it, and the idle timeout.
///
/// [`HttpLayer`](crate::HttpLayer) makes one where there is something to guard, and hands it to
/// [`IntoHttp::guarded`](crate::IntoHttp::guarded).
#[derive(Clone, Debug)]
pub struct BodyGuard {
    pub(super) context: Context,
    /// When the head came.
    pub(super) start: Instant,
    pub(super) idle: Option<Duration>,
    pub(super) name: Arc<str>,
    judged: bool,
}

impl BodyGuard {
    /// Of the call under way; `None` where it has no context and no limit that the body would need.
    pub(crate) fn of_call(name: &Arc<str>, idle: Option<Duration>, judged: bool) -> Option<Self> {
        let context = Context::read(|context| {
            (idle.is_some() || judged || !context.is_empty()).then(|| context.clone())
        })?;
        Some(Self { context, start: Instant::now(), idle, name: Arc::clone(name), judged })
    }

    /// Guards the body of an answer. [Settled](crate::track_body) as well, if layers are to wait for its end.
    #[must_use]
    pub fn guard<B>(self, answer: Response<B>) -> Response<TrackedBody<GuardedBody<B>>>
    where
        B: Body + Unpin,
        B::Error: Into<BoxError>,
    {
        let judged = self.judged;
        let answer = answer.map(|body| GuardedBody::new(self, body));
        if judged { track_body(answer) } else { answer.map(TrackedBody::unsettled) }
    }
}
