use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use buttress_context::{LastPoll, Scope};
use buttress_error::Rejection;
use pin_project_lite::pin_project;

use crate::allowance::Allowance;
use crate::name::Name;
use crate::refusal;
use crate::timer::Timer;

pin_project! {
    /// The response future of [`DeadlineService`](crate::DeadlineService).
    ///
    /// # Cancel safety
    /// Dropping it drops the inner future, in its context, and the timer. It holds nothing else.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        // `None` if the call was refused.
        #[pin]
        scope: Option<Scope<F>>,
        #[pin]
        timer: Timer,
        name: Name,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) const fn new(scope: Option<Scope<F>>, allowance: Allowance, name: Name) -> Self {
        Self { scope, timer: Timer::of(allowance), name }
    }
}

impl<F, Res, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Res, E>>,
    E: From<Rejection>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        // The inner future is polled first: a result that is ready at the deadline wins.
        if let Some(scope) = this.scope.as_mut().as_pin_mut()
            && let Poll::Ready(output) = scope.poll(cx)
        {
            return Poll::Ready(output);
        }
        let allowance = ready!(this.timer.poll_end(cx));
        if let Some(scope) = this.scope.as_mut().as_pin_mut()
            && let Poll::Ready(output) = LastPoll::run(|| scope.poll(cx))
        {
            return Poll::Ready(output);
        }
        let last = this.scope.as_mut().as_pin_mut().and_then(|scope| scope.cancel().last);
        let rejection = refusal::deadline(this.name, &allowance, last);
        Poll::Ready(Err(rejection.into()))
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture")
            .field("name", &self.name)
            .field("timer", &self.timer)
            .finish_non_exhaustive()
    }
}
