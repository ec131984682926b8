use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{self, Poll};

use buttress_error::{Classifier, Rejection};
use pin_project_lite::pin_project;

use crate::breaker::Breaker;
use crate::breaker::admitted::{Call, Held};
use crate::circuit::refusal::Refused;

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
