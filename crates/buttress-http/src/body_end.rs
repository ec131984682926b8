//! Judges a call by the end of its body.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use buttress_error::{
    BoxError, ByKind, Class, Classifier, Completion, Error, Kind, RetrySummary, Verdict, classify,
};
use http::{HeaderMap, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::Instant;

use crate::classify::{ByStatus, guard_error, http_classifier};
use crate::client::ResponseHead;

/// Lets layers above whose classifier is [`at_body_end`] wait for the end of the body. It belongs at the bottom of the stack;
/// over reqwest use [`HttpLayer::judge_at_body_end`](crate::HttpLayer::judge_at_body_end).
///
/// * The call succeeds with the last frame.
/// * It fails with the class of the body's error, or with [`Kind::Panic`] if the body panics.
/// * In gRPC the `grpc-status` of the trailers decides. A body without them is broken, with an unknown status.
/// * A body that is cut at the call's own deadline, or dropped before its end, is abandoned. The waiting time of the call is
///   then the time since the last frame: a reader that stops early does not describe the server, but one that waited for a
///   stalled body does.
/// * An empty body has ended already.
///
/// ```
/// use buttress_error::{ByKind, Error};
/// use buttress_http::{Body, HttpLayer, at_body_end, track_body};
/// use http::{Request, Response};
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Error> {
/// # async fn send(_: Request<Body>) -> Result<Response<Body>, Error> { Ok(Response::default()) }
/// let client = ServiceBuilder::new()
///     // .layer(BreakerLayer::new("files").classifier(at_body_end(ByKind)))
///     .map_response(track_body)
///     .layer(HttpLayer::new("files"))
///     .service(service_fn(send));
/// # let _ = at_body_end(ByKind);
/// client.oneshot(Request::new(Body::empty())).await?;
/// # Ok(()) }
/// ```
#[must_use]
pub fn track_body<B: Body>(mut response: Response<B>) -> Response<TrackedBody<B>> {
    let completion = (!response.body().is_end_stream()).then(Completion::new);
    if let Some(completion) = &completion {
        response.extensions_mut().insert(completion.clone());
    }
    let trailers = http_classifier().for_request(response.headers());
    response.map(|body| TrackedBody { body, trailers, end: Pending { completion, waiting: None } })
}

/// Creates a classifier that judges by `classifier`, and a success with a [tracked body](track_body) by the end of that body.
#[must_use]
pub const fn at_body_end<C>(classifier: C) -> AtBodyEnd<C> {
    AtBodyEnd(classifier)
}

/// The classifier of [`at_body_end`].
#[derive(Clone, Copy, Debug, Default)]
pub struct AtBodyEnd<C = ByKind>(C);

impl<Res: ResponseHead, E, C: Classifier<Res, E>> Classifier<Res, E> for AtBodyEnd<C> {
    fn judge(&self, outcome: &Result<Res, E>) -> Verdict {
        self.0.judge(outcome)
    }

    fn stamp(&self, outcome: &mut Result<Res, E>, summary: &RetrySummary) {
        self.0.stamp(outcome, summary);
    }

    fn keep(&self, outcome: &Result<Res, E>) -> Option<Error> {
        self.0.keep(outcome)
    }

    fn completion(&self, outcome: &Result<Res, E>) -> Option<Completion> {
        outcome.as_ref().ok()?.extensions()?.get().cloned()
    }
}

pin_project! {
    /// A body that reports how it ended, created by [`track_body`].
    pub struct TrackedBody<B> {
        #[pin]
        body: B,
        trailers: ByStatus,
        end: Pending,
    }
}

impl<B> TrackedBody<B> {
    /// Creates a body whose end is not reported.
    pub(crate) const fn untracked(body: B) -> Self {
        Self { body, trailers: http_classifier(), end: Pending { completion: None, waiting: None } }
    }
}

/// The end of a body that has not been reported. Dropping it abandons the call.
struct Pending {
    completion: Option<Completion>,
    /// The time of the first poll that waits for the next frame.
    waiting: Option<Instant>,
}

impl Pending {
    fn settle(&mut self, verdict: Verdict) {
        if let Some(completion) = self.completion.take() {
            completion.complete(verdict);
        }
    }

    /// The body is complete.
    fn settle_by(&mut self, classifier: &ByStatus, trailers: &HeaderMap) {
        let class = classifier.class(&Trailers(trailers));
        self.settle(class.map_or_else(Verdict::success, Verdict::of));
    }

    fn abandon(&mut self) {
        if let Some(completion) = self.completion.take() {
            completion.abandon(self.waiting.map_or(Duration::ZERO, |since| since.elapsed()));
        }
    }

    fn fail(&mut self, error: &BoxError) {
        let class = guard_error(&**error).map_or_else(|| classify(&**error), |error| *error.class());
        // The caller's own deadline does not describe the server.
        if class.kind == Kind::DeadlineExceeded { self.abandon() } else { self.settle(Verdict::of(class)) }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.abandon();
    }
}

/// Reports a panic of the body while it unwinds, because the caller may catch the panic and keep the body.
struct PanicGuard<'e>(Option<&'e mut Pending>);

impl Drop for PanicGuard<'_> {
    fn drop(&mut self) {
        if let Some(end) = &mut self.0 {
            end.settle(Verdict::of(Class::new(Kind::Panic)));
        }
    }
}

impl<B> Body for TrackedBody<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    type Data = B::Data;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, BoxError>>> {
        let mut this = self.project();
        let mut panic = PanicGuard(Some(&mut *this.end));
        let polled = this.body.as_mut().poll_frame(cx);
        panic.0 = None;
        drop(panic);
        let end = this.end;
        match polled {
            Poll::Pending => {
                if end.completion.is_some() {
                    end.waiting.get_or_insert_with(Instant::now);
                }
                Poll::Pending
            }
            Poll::Ready(None) => {
                end.settle_by(this.trailers, &HeaderMap::new());
                Poll::Ready(None)
            }
            Poll::Ready(Some(Err(error))) => {
                let error = error.into();
                end.fail(&error);
                Poll::Ready(Some(Err(error)))
            }
            Poll::Ready(Some(Ok(frame))) => {
                end.waiting = None;
                if let Some(trailers) = frame.trailers_ref() {
                    end.settle_by(this.trailers, trailers);
                } else if this.body.is_end_stream() {
                    end.settle_by(this.trailers, &HeaderMap::new());
                }
                Poll::Ready(Some(Ok(frame)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Trailers, as a head with a good status.
struct Trailers<'t>(&'t HeaderMap);

impl ResponseHead for Trailers<'_> {
    fn status(&self) -> StatusCode {
        StatusCode::OK
    }

    fn headers(&self) -> &HeaderMap {
        self.0
    }
}

impl<B> fmt::Debug for TrackedBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrackedBody").field("ended", &self.end.completion.is_none()).finish_non_exhaustive()
    }
}
