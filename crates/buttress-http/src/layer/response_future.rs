use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{self, Poll, ready};

use buttress_error::handle::Handle;
use buttress_error::{BoxError, Error};
use pin_project_lite::pin_project;

use super::bad_response::{BadResponse, time_for_body};
use super::body_prefix::BodyPrefix;
use super::request_line::RequestLine;
use super::settings::{OnBadStatus, Settings};
use crate::bad_status::BadStatus;
use crate::classify::{RequestTraits, RespondedInStall};
use crate::client::{IntoHttp, ResponseHead};
use crate::upload::Watch;

pin_project! {
    /// The future of [`HttpService`](crate::HttpService).
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
    #[project = StateProjection]
    enum State<F, B> {
        // The request was not sent.
        Refused { error: Option<Error> },
        Calling {
            #[pin]
            inner: F,
            request_line: RequestLine,
            traits: RequestTraits,
            // Boxed for its size: few requests stream their body.
            upload: Option<Box<Watch>>,
            settings: Handle<Settings>,
        },
        // The status is bad. Boxed for its size: most responses are good.
        Reading { reading: Pin<Box<Reading<B>>>, settings: Handle<Settings> },
    }
}

pin_project! {
    struct Reading<B> {
        #[pin]
        body: BodyPrefix<B>,
        response: BadResponse,
    }
}

impl<F, B> ResponseFuture<F, B> {
    pub(super) const fn calling(
        inner: F,
        request_line: RequestLine,
        traits: RequestTraits,
        upload: Option<Box<Watch>>,
        settings: Handle<Settings>,
    ) -> Self {
        Self { state: State::Calling { inner, request_line, traits, upload, settings } }
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
                StateProjection::Refused { error } => {
                    return Poll::Ready(Err(error.take().expect("polled after completion")));
                }
                StateProjection::Calling { inner, request_line, traits, upload, settings } => {
                    let Poll::Ready(outcome) = inner.poll(cx) else {
                        upload.iter().for_each(|upload| upload.clock().publish());
                        return Poll::Pending;
                    };
                    // Dropping it without a response reports to the upload that there was none.
                    let upload = upload.take();
                    let mut response = match outcome {
                        Ok(response) => response,
                        Err(error) => {
                            let error = settings.failed(error.into(), upload.as_deref(), request_line);
                            return Poll::Ready(Err(error));
                        }
                    };
                    let is_stalled = upload.as_ref().is_some_and(|upload| upload.clock().read().is_stalled());
                    if let Some(upload) = upload {
                        upload.responded();
                    }
                    let OnBadStatus::Error { max_bytes, limit } = settings.on_bad_status else {
                        if is_stalled && let Some(extensions) = response.extensions_mut() {
                            extensions.insert(RespondedInStall);
                        }
                        return Poll::Ready(Ok(settings.guard_body(response)));
                    };
                    let classifier = settings.classifier.with_traits(*traits);
                    let Some(class) = classifier.class(&response) else {
                        return Poll::Ready(Ok(settings.guard_body(response)));
                    };
                    let (head, body) = response.into_http().into_parts();
                    State::Reading {
                        reading: Box::pin(Reading {
                            body: BodyPrefix::new(body, max_bytes, time_for_body(limit)),
                            response: BadResponse {
                                class,
                                classifier,
                                head,
                                request_line: request_line.to_string(),
                                is_stalled,
                            },
                        }),
                        settings: settings.clone(),
                    }
                }
                StateProjection::Reading { reading, settings } => {
                    let reading = reading.as_mut().project();
                    let (bytes, is_whole) = ready!(reading.body.poll(cx));
                    let status = BadStatus::new(&reading.response.head, bytes, is_whole);
                    return Poll::Ready(Err(reading.response.error(status, settings)));
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
