//! `Retrying`: a call past its first attempt, as the futures of the service and the function poll it.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use buttress_context::Scope;
use buttress_error::Classifier;
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};

use super::call::{Call, CallStart, Next};
use super::nested::InnerExhausted;
use super::request::RequestInfo;
use crate::policy::Policy;
use crate::remedy::RemedyFuture;

/// Makes the attempts of a call: the part in which a service and a closure differ.
pub(crate) trait Attempts<T, E> {
    type Future: Future<Output = Result<T, E>>;

    /// Describes the request of the latest attempt.
    fn request(&self) -> RequestInfo<'_>;

    /// Begins the next attempt, when it is possible. Fails if the inner service never gets ready.
    fn poll_begin(
        &mut self,
        policy: &Policy,
        call: &mut Call<Result<T, E>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Scope<Self::Future>, E>>;
}

pin_project! {
    /// A call whose first attempt has failed, or runs in a context of its own.
    ///
    /// The futures box it: it is several times as large as they are, and most calls never need it.
    pub(crate) struct Retrying<F, O> {
        call: Call<O>,
        // The policy of the caller's context, in place of the callee's.
        policy: Option<Box<Policy>>,
        #[pin]
        stage: Stage<F, O>,
    }
}

pin_project! {
    #[project = StageProj]
    enum Stage<F, O> {
        // If the remedy fails, this outcome is judged again.
        Remedy { remedy: RemedyFuture, outcome: Option<O> },
        Waiting { #[pin] sleep: Sleep },
        Beginning,
        Attempt { #[pin] attempt: Scope<F> },
    }
}

impl<F, T, E> Retrying<F, Result<T, E>>
where
    F: Future<Output = Result<T, E>>,
{
    /// Continues a call whose first attempt has ended with `outcome`. Returns the outcome of the call if it is not retried.
    #[cold]
    pub(crate) fn after_first(
        start: CallStart,
        inner: Option<InnerExhausted>,
        outcome: Result<T, E>,
        policy: &Policy,
        classifier: &impl Classifier<T, E>,
        request: RequestInfo<'_>,
    ) -> Result<Pin<Box<Self>>, Result<T, E>> {
        let mut call = Call::new(start, inner);
        match call.ended(policy, classifier, outcome, request) {
            Next::Done(outcome) => Err(outcome),
            next => {
                let mut retrying = Box::pin(Self { call, policy: None, stage: Stage::Beginning });
                match retrying.as_mut().project().stage.follow(next) {
                    Some(outcome) => Err(outcome),
                    None => Ok(retrying),
                }
            }
        }
    }

    /// Begins a call whose first attempt runs in a context of its own. `overriding` is the policy in the caller's context.
    #[cold]
    pub(crate) fn scoped(
        policy: &Policy,
        overriding: Option<Box<Policy>>,
        attempt: impl FnOnce() -> F,
    ) -> Pin<Box<Self>> {
        let effective = overriding.as_deref().unwrap_or(policy);
        let mut call = Call::new(super::start(effective), None);
        let attempt = call.watch(|call| call.scope(effective, attempt));
        Box::pin(Self { call, policy: overriding, stage: Stage::Attempt { attempt } })
    }

    /// Polls the call to its outcome. `policy` is the callee's.
    #[cold]
    pub(crate) fn poll(
        self: Pin<&mut Self>,
        policy: &Policy,
        classifier: &impl Classifier<T, E>,
        attempts: &mut impl Attempts<T, E, Future = F>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<T, E>> {
        let mut this = self.project();
        let policy = this.policy.as_deref().unwrap_or(policy);
        loop {
            let polled = this
                .call
                .watch(|call| this.stage.as_mut().poll_outcome(call, policy, classifier, attempts, cx));
            let outcome = ready!(polled);
            let next = this.call.ended(policy, classifier, outcome, attempts.request());
            if let Some(outcome) = this.stage.as_mut().follow(next) {
                return Poll::Ready(outcome);
            }
        }
    }
}

impl<F, O> Retrying<F, O> {
    pub(crate) const fn call(&self) -> &Call<O> {
        &self.call
    }
}

impl<F, T, E> Stage<F, Result<T, E>>
where
    F: Future<Output = Result<T, E>>,
{
    /// Moves to the stage after an attempt, or returns the outcome of the call.
    fn follow(mut self: Pin<&mut Self>, next: Next<Result<T, E>>) -> Option<Result<T, E>> {
        match next {
            Next::Done(outcome) => return Some(outcome),
            Next::Remedy(remedy, outcome) => {
                self.set(Self::Remedy { remedy: remedy.wait(), outcome: Some(outcome) });
            }
            Next::Retry(Duration::ZERO) => self.set(Self::Beginning),
            Next::Retry(wait) => self.set(Self::Waiting { sleep: sleep(wait) }),
        }
        None
    }

    /// Waits and makes the attempt. Returns its outcome, or that of the attempt before if a remedy for it has failed.
    fn poll_outcome(
        mut self: Pin<&mut Self>,
        call: &mut Call<Result<T, E>>,
        policy: &Policy,
        classifier: &impl Classifier<T, E>,
        attempts: &mut impl Attempts<T, E, Future = F>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<T, E>> {
        loop {
            match self.as_mut().project() {
                StageProj::Remedy { remedy, outcome } => {
                    let result = ready!(remedy.as_mut().poll(cx));
                    let outcome = outcome.take().expect("not polled again after the remedy has ended");
                    let has_key = attempts.request().has_key;
                    match call.remedied(result, policy, classifier, outcome, has_key) {
                        Ok(()) => self.set(Self::Beginning),
                        Err(outcome) => return Poll::Ready(outcome),
                    }
                }
                StageProj::Waiting { sleep } => {
                    ready!(sleep.poll(cx));
                    self.set(Self::Beginning);
                }
                StageProj::Beginning => {
                    // Retries without a wait must not starve other tasks.
                    ready!(pin!(tokio::task::coop::consume_budget()).poll(cx));
                    match ready!(attempts.poll_begin(policy, call, cx)) {
                        Ok(attempt) => self.set(Self::Attempt { attempt }),
                        Err(error) => return Poll::Ready(Err(error)),
                    }
                }
                StageProj::Attempt { attempt } => return attempt.poll(cx),
            }
        }
    }
}
