use std::fmt;
use std::future::Future;
use std::mem::take;
use std::pin::Pin;
use std::task::{self, Poll, ready};
use std::time::Duration;

use buttress_context::Context;
use buttress_error::handle::Handle;
use buttress_error::{BoxError, Class, Error};
use http::response::Parts;
use pin_project_lite::pin_project;

use super::asked::Asked;
use super::excerpt::excerpt;
use super::read::Read;
use super::settings::{Bad, Settings};
use crate::classify::{AnsweredInStall, stalled};
use crate::upload::Watch;
use crate::{BadStatus, ByStatus, IntoHttp, ProblemDetails, ResponseHead};

pin_project! {
    /// The future of [`Http`](crate::Http).
    ///
    /// # Cancel safety
    /// Dropping it drops the client's future, or the body that is being read; nothing else is held.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, B> {
        #[pin]
        state: State<F, B>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, B> {
        // The client can't express the request.
        Refused { error: Option<Error> },
        Calling {
            #[pin]
            inner: F,
            classifier: ByStatus,
            asked: Asked,
            upload: Option<Watch>,
            settings: Handle<Settings>,
        },
        // The status is bad.
        Reading { #[pin] body: Read<B>, bad: Box<Judged>, settings: Handle<Settings> },
    }
}

struct Judged {
    class: Class,
    classifier: ByStatus,
    head: Parts,
    asked: String,
    /// The request's body waited for its caller.
    is_stalled: bool,
}

impl Judged {
    fn error(&mut self, answer: BadStatus, settings: &Settings) -> Error {
        let problem = answer.problem();
        let class = match &problem {
            // A redirect is never the server's failure, whatever its body says.
            Some(_) if self.head.status.as_u16() < 400 => self.class,
            Some(problem) => self.classifier.told(self.class, &self.head.headers, problem),
            None => self.class,
        };
        let class = if self.is_stalled { stalled(class) } else { class };
        let words = match &problem {
            Some(ProblemDetails { detail: Some(detail), .. }) => excerpt(detail.as_bytes()),
            _ => excerpt(answer.body()),
        };
        let error = settings.stamp(Error::wrap(class.dependency(), answer)).note(take(&mut self.asked));
        let error = words.into_iter().fold(error, |error, words| error.note(format!("answer: {words}")));
        let Some(problem) = problem else { return error };
        let error = problem.code.into_iter().fold(error, |error, code| error.attr("code", code));
        problem.violations.into_iter().fold(error, Error::violation)
    }
}

/// Of the time that the call has left: what the body says is worth less than the status, and than another attempt.
fn at_most_half(time: Duration) -> Duration {
    let left = Context::read(|context| context.deadline().remaining());
    left.map_or(time, |left| time.min(left / 2))
}

impl<F, B> ResponseFuture<F, B> {
    pub(super) const fn calling(
        inner: F,
        classifier: ByStatus,
        asked: Asked,
        upload: Option<Watch>,
        settings: Handle<Settings>,
    ) -> Self {
        Self { state: State::Calling { inner, classifier, asked, upload, settings } }
    }

    pub(super) const fn refused(error: Error) -> Self {
        Self { state: State::Refused { error: Some(error) } }
    }
}

impl<F, Res, E> Future for ResponseFuture<F, Res::Body>
where
    F: Future<Output = Result<Res, E>>,
    Res: ResponseHead + IntoHttp,
    E: Into<BoxError>,
{
    type Output = Result<Res, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                StateProj::Refused { error } => {
                    return Poll::Ready(Err(error.take().expect("polled after completion")));
                }
                StateProj::Calling { inner, classifier, asked, upload, settings } => {
                    let Poll::Ready(answer) = inner.poll(cx) else {
                        upload.iter().for_each(|upload| upload.clock().publish());
                        return Poll::Pending;
                    };
                    // Dropped where there is no answer, it says so too.
                    let upload = upload.take();
                    let mut answer = match answer {
                        Ok(answer) => answer,
                        Err(error) => {
                            return Poll::Ready(Err(settings.failed(error.into(), upload.as_ref(), asked)));
                        }
                    };
                    let is_stalled = upload.as_ref().is_some_and(|upload| upload.clock().read().is_stalled());
                    upload.into_iter().for_each(Watch::answered);
                    let Bad::Error { bytes, time } = settings.bad else {
                        if is_stalled && let Some(beside) = answer.extensions_mut() {
                            beside.insert(AnsweredInStall);
                        }
                        return Poll::Ready(Ok(settings.guarded(answer)));
                    };
                    let Some(class) = classifier.class(&answer) else {
                        return Poll::Ready(Ok(settings.guarded(answer)));
                    };
                    let (head, body) = answer.into_http().into_parts();
                    State::Reading {
                        body: Read::new(body, bytes, at_most_half(time)),
                        bad: Box::new(Judged {
                            class,
                            classifier: *classifier,
                            head,
                            asked: asked.to_string(),
                            is_stalled,
                        }),
                        settings: settings.clone(),
                    }
                }
                StateProj::Reading { body, bad, settings } => {
                    let (bytes, whole) = ready!(body.poll(cx));
                    let answer = BadStatus::new(&bad.head, bytes, whole);
                    return Poll::Ready(Err(bad.error(answer, settings)));
                }
            };
            state.set(next);
        }
    }
}

impl<F, B> fmt::Debug for ResponseFuture<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Refused { .. } => "refused",
            State::Calling { .. } => "calling",
            State::Reading { .. } => "reading",
        };
        f.debug_struct("ResponseFuture").field("state", &state).finish()
    }
}
