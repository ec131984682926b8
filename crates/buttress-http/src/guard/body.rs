//! `GuardedBody`: a body that keeps its context and ends at its deadline.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};
use std::time::Duration;

use buttress_context::Frame as ContextFrame;
use buttress_error::{BoxError, Error, Kind, Rejection};
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use super::limits::BodyGuard;

/// The body of a good response. It is polled and dropped in the context of its call, and is cut when the call's deadline
/// passes or the next frame takes too long. [`BodyGuard::guard`] creates it.
///
/// A frame that is ready wins over the timers, so a body that has arrived in time can be read at any time, and a slow reader
/// does not cut a fast server. The clock is read, and a timer set, only if a frame is not ready. Time between two polls of the
/// reader does not count as idle.
///
/// # Errors
/// The errors of the body; a [`Rejection`] of kind [`DeadlineExceeded`](Kind::DeadlineExceeded) after the deadline; an
/// [`Error`] of kind [`Timeout`](Kind::Timeout) after the idle timeout. The last two are inside an `io::Error`, so that the
/// client's own error reports a timeout; [`translate`](crate::translate) extracts them.
///
/// # Panics
/// Panics outside a tokio runtime with timers, if it has to wait and has a limit.
///
/// # Cancel safety
/// Dropping it before its end drops the body in its context.
pub struct GuardedBody<B> {
    /// `None` after the end.
    body: Option<B>,
    frame: ContextFrame,
    /// The time when the head came.
    start: Instant,
    idle: Option<Duration>,
    name: Arc<str>,
    /// The time of the first poll that waits for the next frame.
    waiting: Option<Instant>,
    /// Created at the first wait and reused.
    timer: Option<Pin<Box<Sleep>>>,
}

impl<B> GuardedBody<B> {
    pub(super) fn new(guard: BodyGuard, body: B) -> Self {
        let BodyGuard { context, start, idle, name, .. } = guard;
        let frame = ContextFrame::new(context);
        Self { body: Some(body), frame, start, idle, name, waiting: None, timer: None }
    }

    /// Drops the body, in its context.
    fn end(&mut self) {
        if self.body.is_some() {
            let _entered = self.frame.enter();
            self.body = None;
        }
        self.timer = None;
    }

    /// Is ready with an error if the time for the next frame is up.
    fn poll_time(&mut self, cx: &mut task::Context<'_>) -> Poll<Error> {
        let deadline = self.frame.context.deadline().instant();
        if deadline.is_none() && self.idle.is_none() {
            return Poll::Pending;
        }
        let begins = self.waiting.is_none();
        let since = *self.waiting.get_or_insert_with(Instant::now);
        let gap = self.idle.and_then(|idle| since.checked_add(idle));
        let Some(end) = [deadline, gap].into_iter().flatten().min() else { return Poll::Pending };
        let timer = match &mut self.timer {
            Some(timer) => {
                if begins {
                    timer.as_mut().reset(end);
                }
                timer
            }
            none => none.insert(Box::pin(sleep_until(end))),
        };
        if timer.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        let now = Instant::now();
        let error = match deadline {
            Some(deadline) if deadline <= now => self.deadline_exceeded(deadline, now),
            _ => self.idle_too_long(now.saturating_duration_since(since)),
        };
        Poll::Ready(error.without_location())
    }

    fn deadline_exceeded(&self, deadline: Instant, now: Instant) -> Error {
        let limit = deadline.saturating_duration_since(self.start);
        let elapsed = now.saturating_duration_since(self.start);
        let rejection = Rejection::deadline(Arc::clone(&self.name), limit, elapsed, None);
        Error::from(rejection).note("the limit and the elapsed time count from the head of the response")
    }

    fn idle_too_long(&self, gap: Duration) -> Error {
        let limit = self.idle.unwrap_or_default();
        let text = format!("body idle for {gap:.1?} (limit {limit:?})");
        Error::new(Kind::Timeout, text).of_dependency(Arc::clone(&self.name))
    }
}

impl<B> Body for GuardedBody<B>
where
    B: Body + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = B::Data;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, BoxError>>> {
        let this = self.get_mut();
        let Some(body) = &mut this.body else { return Poll::Ready(None) };
        let polled = {
            let _entered = this.frame.enter();
            Pin::new(body).poll_frame(cx)
        };
        match polled {
            Poll::Ready(Some(Ok(frame))) => {
                this.waiting = None;
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                this.end();
                Poll::Ready(Some(Err(error.into())))
            }
            Poll::Ready(None) => {
                this.end();
                Poll::Ready(None)
            }
            Poll::Pending => this.poll_time(cx).map(|error| {
                this.end();
                // This makes it a timeout for clients as well: `reqwest::Error::is_timeout`.
                Some(Err(io::Error::new(io::ErrorKind::TimedOut, error).into()))
            }),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl<B> Drop for GuardedBody<B> {
    fn drop(&mut self) {
        self.end();
    }
}

impl<B> fmt::Debug for GuardedBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardedBody")
            .field("name", &self.name)
            .field("deadline", &self.frame.context.deadline())
            .field("idle", &self.idle)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use buttress_context::Context;
    use bytes::Bytes;
    use http_body_util::{BodyExt, StreamBody};

    use super::*;

    struct Never;

    impl futures_core::Stream for Never {
        type Item = Result<Frame<Bytes>, BoxError>;

        fn poll_next(self: Pin<&mut Self>, _: &mut task::Context<'_>) -> Poll<Option<Self::Item>> {
            Poll::Pending
        }
    }

    /// A body that was cut is dropped at once, and its connection with it, even if the reader keeps the guard.
    #[tokio::test(start_paused = true)]
    async fn a_body_that_was_cut_is_dropped_at_once() {
        let guard = || BodyGuard::of_call(&"files".into(), None, false).expect("there is a deadline");
        let guard = Context::default().with_timeout(Duration::from_secs(5)).run(guard);
        let mut body = GuardedBody::new(guard, StreamBody::new(Never));
        assert!(body.frame().await.expect("it did not end by itself").is_err());
        assert!(body.body.is_none() && body.timer.is_none() && body.is_end_stream());
        assert!(body.frame().await.is_none());
    }
}
