use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{self, Poll};

use buttress_context::CallerClock;
use buttress_error::{Classifier, Rejection};
use pin_project_lite::pin_project;

use crate::Breaker;
use crate::admitted::{Call, Held};
use crate::state::Refused;

pin_project! {
    /// The future of [`BreakerService`](crate::BreakerService).
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, C> {
        // First, so that a call that is dropped is abandoned before what it does is undone.
        answer: Answer,
        // None: the inner service was not called.
        #[pin]
        inner: Option<F>,
        classifier: C,
    }
}

/// What the circuit said. Not in one enum with the inner future: that would be made, in all its parts, as what may be a
/// refusal as well.
enum Answer {
    Admitted(Held),
    Refused(Untold),
}

impl Held {
    pub(crate) const fn new(call: Call<Breaker>) -> Self {
        Self(call)
    }

    /// Polls the call, and settles it when it ends.
    #[inline(always)]
    pub(crate) fn poll<F, C, T, E>(
        &mut self,
        inner: Pin<&mut F>,
        classifier: &C,
        cx: &mut task::Context<'_>,
    ) -> Poll<Result<T, E>>
    where
        F: Future<Output = Result<T, E>>,
        C: Classifier<T, E>,
    {
        let watch = OnPanic(&mut self.0);
        CallerClock::clear();
        let polled = match inner.poll(cx) {
            // Taken apart: mostly a response is smaller than the outcome that has room for it, and moved faster.
            Poll::Ready(Ok(response)) => {
                let outcome = Ok(opaque(response));
                watch.0.conclude(classifier, &outcome);
                Poll::Ready(outcome)
            }
            Poll::Ready(Err(error)) => {
                let outcome = Err(error);
                watch.0.conclude_apart(classifier, &outcome);
                Poll::Ready(outcome)
            }
            Poll::Pending => {
                watch.0.pend();
                Poll::Pending
            }
        };
        mem::forget(watch);
        polled
    }
}

/// A refusal, until it is told. Its drop is never a part of its holder's, which so stays short.
struct Untold(Option<Refused>);

impl Drop for Untold {
    #[inline]
    fn drop(&mut self) {
        if let Some(refused) = self.0.take() {
            drop_now(refused);
        }
    }
}

#[cold]
#[inline(never)]
fn drop_now(refused: Refused) {
    drop(refused);
}

impl<F, C> ResponseFuture<F, C> {
    #[inline]
    pub(crate) const fn running(inner: F, call: Call<Breaker>, classifier: C) -> Self {
        Self { inner: Some(inner), answer: Answer::Admitted(Held(call)), classifier }
    }

    pub(crate) const fn rejected(refused: Refused, classifier: C) -> Self {
        Self { inner: None, answer: Answer::Refused(Untold(Some(refused))), classifier }
    }

    pub(crate) const fn is_rejected(&self) -> bool {
        matches!(self.answer, Answer::Refused(_))
    }
}

impl<F, C, T, E> Future for ResponseFuture<F, C>
where
    F: Future<Output = Result<T, E>>,
    C: Classifier<T, E>,
    E: From<Rejection>,
{
    type Output = Result<T, E>;

    // Always: else services of several types that share this one would call it, and hand it a future in memory.
    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Result<T, E>> {
        let this = self.project();
        match (this.answer, this.inner.as_pin_mut()) {
            (Answer::Admitted(held), Some(inner)) => held.poll(inner, this.classifier, cx),
            (Answer::Refused(Untold(refused)), _) => {
                let refused = refused.take().expect("polled after completion");
                Poll::Ready(Err(Rejection::from(refused).into()))
            }
            (Answer::Admitted(_), None) => unreachable!("an admitted call is made"),
        }
    }
}

/// The value, by a way that an early pass of the compiler doesn't see through: that would make `Ok(response)` a copy of all
/// the outcome it was taken from, which then might be an error again. What comes out costs nothing.
#[inline(always)]
fn opaque<T>(value: T) -> T {
    let mut value = Some(value);
    value.take().expect("it was just put there")
}

/// Records a panic of the inner future where it happens, even if somebody further out catches it and keeps the future.
struct OnPanic<'f>(&'f mut Call<Breaker>);

impl Drop for OnPanic<'_> {
    fn drop(&mut self) {
        self.0.panicked();
    }
}

impl<F, C> fmt::Debug for ResponseFuture<F, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.answer {
            Answer::Refused(_) => "rejected",
            Answer::Admitted(Held(call)) if call.is_settled() => "done",
            Answer::Admitted(_) => "running",
        };
        f.debug_struct("ResponseFuture").field("state", &state).finish_non_exhaustive()
    }
}
