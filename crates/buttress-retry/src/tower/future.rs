use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use buttress_context::Scope;
use buttress_error::Classifier;
use buttress_error::handle::Handle;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::replay::ReplayStrategy;
use super::service::Shared;
use crate::attempt::{self, Attempts, Call, CallStart, InnerExhausted, RequestInfo, Retrying};
use crate::policy::{Policy, overriding_policy};

pin_project! {
    /// The future of [`RetryService`](crate::RetryService).
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, Req, C, R>
    where
        S: Service<Req>,
    {
        shared: Handle<Shared<S, C, R>>,
        request: Request<Req>,
        #[pin]
        state: State<S, S::Future, Result<S::Response, S::Error>>,
    }
}

/// The request of a call, after the latest attempt has taken it.
struct Request<Req> {
    idempotent: Option<bool>,
    /// To send again, if a retry may follow.
    copy: Option<Req>,
}

pin_project! {
    #[project = StateProj]
    enum State<S, F, O> {
        // The first attempt, in the caller's context.
        First {
            start: CallStart,
            // What an inner retry has exhausted in an earlier poll.
            inner: Option<InnerExhausted>,
            #[pin]
            future: F,
        },
        Retrying {
            // The instance for the next attempt, until it is ready.
            service: Option<S>,
            retrying: Pin<Box<Retrying<F, O>>>,
        },
    }
}

impl<S: Service<Req>, Req, C, R> ResponseFuture<S, Req, C, R> {
    /// A call whose first attempt runs in the caller's context.
    #[inline]
    pub(super) const fn first(
        shared: Handle<Shared<S, C, R>>,
        start: CallStart,
        idempotent: Option<bool>,
        copy: Option<Req>,
        inner: Option<InnerExhausted>,
        future: S::Future,
    ) -> Self {
        let request = Request { idempotent, copy };
        Self { shared, request, state: State::First { start, inner, future } }
    }

    /// A call whose first attempt runs in a context of its own.
    pub(super) fn scoped(shared: Handle<Shared<S, C, R>>, service: &mut S, request: Req) -> Self
    where
        R: ReplayStrategy<Req>,
    {
        let overriding = overriding_policy(&shared.policy);
        let idempotent = shared.replay.idempotent(&request);
        let copy = shared.copy(overriding.as_deref().unwrap_or(&shared.policy), 1, &request);
        let retrying = Retrying::scoped(&shared.policy, overriding, || service.call(request));
        let request = Request { idempotent, copy };
        Self { shared, request, state: State::Retrying { service: None, retrying } }
    }
}

impl<S, Req, C, R> Future for ResponseFuture<S, Req, C, R>
where
    S: Service<Req> + Clone,
    C: Classifier<S::Response, S::Error>,
    R: ReplayStrategy<Req>,
{
    type Output = Result<S::Response, S::Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let shared = &**this.shared;
        if let StateProj::First { start, inner, future } = this.state.as_mut().project() {
            let outer = attempt::enter();
            let polled = future.poll(cx);
            *inner = attempt::leave(outer).or(*inner);
            let outcome = ready!(polled);
            if shared.classifier.judge(&outcome).class().is_none() {
                start.succeeded(&shared.policy);
                return Poll::Ready(outcome);
            }
            let info = shared.info(this.request);
            match Retrying::after_first(*start, *inner, outcome, &shared.policy, &shared.classifier, info) {
                // This drops the first attempt, with all that it holds, before the next one begins.
                Ok(retrying) => this.state.set(State::Retrying { service: None, retrying }),
                Err(outcome) => return Poll::Ready(outcome),
            }
        }
        let StateProj::Retrying { service, retrying } = this.state.project() else {
            unreachable!("the first attempt has failed")
        };
        let mut attempts = ServiceAttempts { shared, request: this.request, service };
        retrying.as_mut().poll(&shared.policy, &shared.classifier, &mut attempts, cx)
    }
}

/// Makes attempts by clones of the inner service.
struct ServiceAttempts<'c, S, Req, C, R> {
    shared: &'c Shared<S, C, R>,
    request: &'c mut Request<Req>,
    service: &'c mut Option<S>,
}

impl<S, Req, C, R> Attempts<S::Response, S::Error> for ServiceAttempts<'_, S, Req, C, R>
where
    S: Service<Req> + Clone,
    R: ReplayStrategy<Req>,
{
    type Future = S::Future;

    fn request(&self) -> RequestInfo<'_> {
        self.shared.info(self.request)
    }

    fn poll_begin(
        &mut self,
        policy: &Policy,
        call: &mut Call<Result<S::Response, S::Error>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Scope<S::Future>, S::Error>> {
        let mut service = match self.service.take() {
            Some(service) => service,
            None => ready!(self.shared.spare.poll_clone(cx)),
        };
        match service.poll_ready(cx) {
            Poll::Pending => {
                *self.service = Some(service);
                return Poll::Pending;
            }
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(error)) => {
                call.begin_attempt();
                return Poll::Ready(Err(error));
            }
        }
        let request = self.request.copy.take().expect("only a call with a copy is retried");
        self.request.copy = self.shared.copy(policy, call.attempt() + 1, &request);
        // After the copy is made: if that panics, the attempt has not begun, and the budget gets its retry back.
        call.begin_attempt();
        Poll::Ready(Ok(call.scope(policy, || service.call(request))))
    }
}

impl<S, C, R> Shared<S, C, R> {
    fn info<Req>(&self, request: &Request<Req>) -> RequestInfo<'_>
    where
        R: ReplayStrategy<Req>,
    {
        let copy = request.copy.as_ref();
        RequestInfo {
            idempotent: request.idempotent,
            has_key: copy.and_then(|copy| self.replay.has_idempotency_key(copy)),
            warned: (!self.assume_idempotent).then_some(&*self.warned),
            assume_idempotent: self.assume_idempotent,
            replayable: self.replayable(copy),
        }
    }
}

impl<S: Service<Req>, Req, C, R> fmt::Debug for ResponseFuture<S, Req, C, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let call = match &self.state {
            State::First { .. } => None,
            State::Retrying { retrying, .. } => Some(retrying.call()),
        };
        f.debug_struct("ResponseFuture").field("call", &call).finish_non_exhaustive()
    }
}
