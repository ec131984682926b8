//! `ResponseFuture`: a call that runs, waits for its permits, or was refused.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use buttress_error::Rejection;
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep_until};
use tower_service::Service;

use crate::limit::RateLimit;
use crate::reservation::Reservation;
use crate::throttle::ReadThrottle;

pin_project! {
    /// The response future of [`RateLimitService`](crate::RateLimitService).
    ///
    /// # Cancel safety
    /// Dropping it while it waits gives back permits whose time has not come, and drops the request. Dropping it later drops the
    /// inner future; the permits are used up.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, Req, F, C> {
        #[pin]
        state: State<S, Req, F, C>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, Req, F, C> {
        Rejected { rejection: Option<Rejection> },
        Waiting {
            #[pin]
            sleep: Sleep,
            waiting: Option<Waiting<S, Req, C>>,
        },
        Running {
            #[pin]
            inner: F,
            // None if answers do not drain the limit.
            throttle: Option<(RateLimit, C)>,
        },
    }
}

struct Waiting<S, Req, C> {
    reservation: Reservation,
    inner: S,
    request: Req,
    throttle: C,
}

impl<S, Req, F, C> ResponseFuture<S, Req, F, C> {
    pub(crate) const fn rejected(rejection: Rejection) -> Self {
        Self { state: State::Rejected { rejection: Some(rejection) } }
    }

    pub(crate) const fn running(inner: F, throttle: Option<(RateLimit, C)>) -> Self {
        Self { state: State::Running { inner, throttle } }
    }

    pub(crate) fn waiting(reservation: Reservation, inner: S, request: Req, throttle: C) -> Self {
        let sleep = sleep_until(reservation.at());
        let waiting = Some(Waiting { reservation, inner, request, throttle });
        Self { state: State::Waiting { sleep, waiting } }
    }
}

impl<S, Req, C> Future for ResponseFuture<S, Req, S::Future, C>
where
    S: Service<Req>,
    S::Error: From<Rejection>,
    C: ReadThrottle<S::Response, S::Error>,
{
    type Output = Result<S::Response, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                StateProj::Running { inner, throttle } => {
                    let outcome = ready!(inner.poll(cx));
                    if let Some((limit, throttle)) = throttle
                        && let Some(wait) = throttle.drain(&outcome)
                    {
                        limit.drain(wait);
                    }
                    return Poll::Ready(outcome);
                }
                StateProj::Waiting { sleep, waiting } => {
                    ready!(sleep.poll(cx));
                    let Waiting { reservation, mut inner, request, throttle } =
                        waiting.take().expect("polled after a panic");
                    let limit = reservation.into_permit().into_limit();
                    let inner = inner.call(request);
                    let throttle = C::READS.then_some((limit, throttle));
                    state.set(State::Running { inner, throttle });
                }
                StateProj::Rejected { rejection } => {
                    let rejection = rejection.take().expect("polled after completion");
                    return Poll::Ready(Err(rejection.into()));
                }
            }
        }
    }
}

impl<S, Req, F, C> fmt::Debug for ResponseFuture<S, Req, F, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Rejected { .. } => "rejected",
            State::Waiting { .. } => "waiting",
            State::Running { .. } => "running",
        };
        f.debug_struct("ResponseFuture").field("state", &state).finish_non_exhaustive()
    }
}
