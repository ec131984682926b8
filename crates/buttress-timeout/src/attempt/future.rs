use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{self, Poll, ready};
use std::time::Duration;

use buttress_context::{CallerClock, LastPoll};
use buttress_error::Rejection;
use pin_project_lite::pin_project;

use crate::allowance::{Allowance, Owner, Recount};
use crate::name::Name;
use crate::refusal;
use crate::timer::Timer;

pin_project! {
    /// The response future of [`AttemptTimeoutService`](crate::AttemptTimeoutService).
    ///
    /// # Cancel safety
    /// Dropping it drops the inner future and the timer. It holds nothing else.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        // `None` once the call was refused or cut.
        #[pin]
        inner: Option<F>,
        #[pin]
        timer: Timer,
        limit: Duration,
        name: Name,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) const fn new(inner: F, limit: Duration, name: Name) -> Self {
        Self { inner: Some(inner), timer: Timer::new(), limit, name }
    }

    /// The future of a call whose deadline passed before it began.
    pub(super) const fn refused(allowance: Allowance, limit: Duration, name: Name) -> Self {
        Self { inner: None, timer: Timer::of(allowance), limit, name }
    }
}

impl<F, Res, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Res, E>>,
    E: From<Rejection>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        // The inner future is polled first: a result that is ready at the limit wins.
        if let Some(inner) = this.inner.as_mut().as_pin_mut() {
            CallerClock::clear();
            let polled = inner.poll(cx);
            if polled.is_ready() {
                return polled;
            }
        }
        let allowance = ready!(this.timer.as_mut().poll_attempt(cx, *this.limit));
        let over = match CallerClock::published() {
            Some(clock) if this.inner.is_some() && allowance.owner() == Owner::Layer => {
                ready!(this.timer.poll_recount(cx, allowance, *this.limit, &clock))
            }
            _ => Recount::Running(allowance),
        };
        if let Some(inner) = this.inner.as_mut().as_pin_mut()
            && let Poll::Ready(output) = LastPoll::run(|| inner.poll(cx))
        {
            return Poll::Ready(output);
        }
        this.inner.set(None);
        let (allowance, name) = (over.allowance(), &*this.name);
        let rejection = match (allowance.owner(), over) {
            (Owner::Caller, _) => refusal::deadline(name, &allowance, None),
            (Owner::Layer, Recount::Running(_)) => refusal::attempt(name, &allowance),
            (Owner::Layer, Recount::Stalled(_)) => refusal::stalled(name, &allowance),
        };
        Poll::Ready(Err(rejection.into()))
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture")
            .field("name", &self.name)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}
