//! `Call`: judges the outcome of each attempt, asks the driver, writes the report and emits events.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use buttress_context::{Context, Frame, Report, Scope};
use buttress_error::{Cause, Class, Classifier, Delivery, Error, RetrySummary, StopReason};
use tokio::time::Instant;

use super::driver::{Decision, Driver, Surroundings, claims_not_processed, cut_by_deadline};
use super::last_failure::{FinalFailure, LastFailure};
use super::nested::{self, InnerExhausted};
use super::request::RequestInfo;
use crate::events;
use crate::policy::{Failure, Policy};
use crate::remedy::{self, PendingRemedy};

/// What a call records when it begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallStart {
    /// The time, if the policy needs it.
    started: Option<Instant>,
    /// The logical time of remedies.
    remedy_clock: u64,
}

/// Begins a call: counts it in the budget, and reads the clocks that the policy needs.
#[inline]
pub(crate) fn start(policy: &Policy) -> CallStart {
    let started = if policy.needs_clock() { Some(count(policy)) } else { None };
    CallStart { started, remedy_clock: remedy::clock() }
}

fn count(policy: &Policy) -> Instant {
    let now = Instant::now();
    if let Some(budget) = policy.budget() {
        budget.deposit_at(now);
    }
    now
}

impl CallStart {
    /// Ends a call whose first attempt has succeeded.
    #[inline]
    pub(crate) fn succeeded(self, policy: &Policy) {
        if policy.counts_successes()
            && let Some(budget) = policy.budget()
        {
            budget.succeeded(None);
        }
    }
}

/// A call whose first attempt has failed, or runs in a context of its own.
pub(crate) struct Call<O> {
    driver: Driver,
    /// The logical time of remedies when the latest attempt began.
    remedy_clock: u64,
    /// What an inner retry has exhausted in the latest attempt.
    inner: Option<InnerExhausted>,
    failure: LastFailure<O>,
}

/// What follows an attempt.
pub(crate) enum Next<O> {
    /// The call ends with this outcome.
    Done(O),
    /// Another attempt follows after a wait.
    Retry(Duration),
    /// Another attempt follows if the remedy succeeds; otherwise the outcome is judged again.
    Remedy(PendingRemedy, O),
}

impl<O> Call<O> {
    /// A call that is in its first attempt. `inner` is what an inner retry has exhausted in it.
    pub(crate) const fn new(start: CallStart, inner: Option<InnerExhausted>) -> Self {
        Self {
            driver: Driver::new(start.started),
            remedy_clock: start.remedy_clock,
            inner,
            failure: LastFailure::new(),
        }
    }

    /// The number of the attempt under way.
    pub(crate) const fn attempt(&self) -> u32 {
        self.driver.attempts()
    }

    /// Begins the next attempt. It is reported at once, as the call may be dropped at any time.
    pub(crate) fn begin_attempt(&mut self) {
        self.driver.begin_attempt();
        self.remedy_clock = remedy::clock();
        self.inner = None;
        self.report(None, None);
    }

    /// Runs a part of an attempt, and records what an inner retry exhausts in it.
    pub(crate) fn watch<T>(&mut self, run: impl FnOnce(&mut Self) -> T) -> T {
        let outer = nested::enter();
        let output = run(self);
        self.inner = nested::leave(outer).or(self.inner);
        output
    }

    /// Makes the future of an attempt, in its own context.
    pub(crate) fn scope<F>(&self, policy: &Policy, attempt: impl FnOnce() -> F) -> Scope<F> {
        let mut frame = self.frame(policy);
        let future = {
            let _entered = frame.enter();
            attempt()
        };
        Scope::new(frame, future)
    }

    /// Makes the frame of the attempt under way. The first attempt keeps the number in the caller's context.
    pub(crate) fn frame(&self, policy: &Policy) -> Frame {
        let mut context = Context::current();
        if self.attempt() > 1 {
            context = context.with_attempt(self.attempt());
        }
        if policy.disable_inner_retries() {
            context = context.with_inner_retries_disabled();
        }
        Frame::new(context)
    }

    fn report(&self, stopped: Option<StopReason>, last: Option<Cause>) {
        Report::write(|report| self.write(report, stopped, last));
    }

    fn write(&self, report: &mut Report, stopped: Option<StopReason>, last: Option<Cause>) {
        report.attempts = self.driver.attempts();
        report.delay = self.driver.slept();
        report.stopped = stopped;
        if last.is_some() {
            report.last = last;
        }
    }
}

impl<T, E> Call<Result<T, E>> {
    /// Decides what follows an attempt that ended with `outcome`.
    pub(crate) fn ended(
        &mut self,
        policy: &Policy,
        classifier: &impl Classifier<T, E>,
        outcome: Result<T, E>,
        request: RequestInfo<'_>,
    ) -> Next<Result<T, E>> {
        let verdict = classifier.judge(&outcome);
        let Some(own) = verdict.class() else {
            self.succeeded(policy);
            return Next::Done(outcome);
        };
        let delivery = own.delivery;
        let class = nested::classify(own, self.inner, || classifier.keep(&outcome));
        let class = self.driver.earlier.classify(&class, request.has_key);
        let around = surroundings(Instant::now());
        let failure = self.driver.failure(class, &around, &request);
        match self.driver.decide(policy, &failure) {
            Decision::Retry(wait) => {
                self.report(None, Some(Cause::new(&class, classifier.keep(&outcome))));
                events::scheduled(policy.name(), self.attempt(), wait, &class);
                self.retried(&class, delivery, outcome);
                Next::Retry(wait)
            }
            Decision::Remedy(remedy) => {
                let latest = policy.latest_start(&failure.time);
                Next::Remedy(remedy.apply(self.remedy_clock, &class, around.now, latest), outcome)
            }
            Decision::Stop(stop) => {
                if stop == StopReason::NotIdempotent && policy.would_retry_if_idempotent(&failure) {
                    request.warn_if_unknown(policy.name(), &class);
                }
                Next::Done(self.stopped(policy, classifier, outcome, &failure, stop))
            }
        }
    }

    /// Keeps a failure that is retried.
    fn retried(&mut self, class: &Class, delivery: Delivery, outcome: Result<T, E>) {
        self.driver.earlier.record(class);
        self.failure.keep(class, delivery, outcome);
    }

    /// Decides what follows a remedy that ended with `result`: another attempt, or the failed outcome is judged again.
    pub(crate) fn remedied(
        &mut self,
        result: Result<(), Error>,
        policy: &Policy,
        classifier: &impl Classifier<T, E>,
        outcome: Result<T, E>,
        has_key: Option<bool>,
    ) -> Result<(), Result<T, E>> {
        let attempt = self.attempt();
        let deadline = Context::read(|cx| cx.deadline().instant());
        let earlier = self.driver.earlier;
        let Some(remedy) = self.driver.remedied(policy, result, Instant::now(), deadline) else {
            return Err(outcome);
        };
        let verdict = classifier.judge(&outcome);
        if let Some(own) = verdict.class() {
            let class = earlier.classify(own, has_key);
            events::remedied(policy.name(), attempt, remedy.name(), &class);
            self.driver.retry_after_remedy(class.kind);
            self.report(None, Some(Cause::new(&class, classifier.keep(&outcome))));
            self.retried(&class, own.delivery, outcome);
        }
        Ok(())
    }

    fn succeeded(&self, policy: &Policy) {
        self.driver.succeeded(policy);
        if self.attempt() > 1 {
            self.report(Some(StopReason::Success), None);
            events::recovered(policy.name(), self.attempt(), self.driver.slept());
        }
    }

    /// Ends the call with its last real failure, stamped with the summary.
    fn stopped(
        &mut self,
        policy: &Policy,
        classifier: &impl Classifier<T, E>,
        outcome: Result<T, E>,
        failure: &Failure,
        stop: StopReason,
    ) -> Result<T, E> {
        let last = self.failure.take_final(failure.class, outcome, self.driver.earlier);
        let FinalFailure { mut class, mut outcome, refusal, refused } = last;
        let mut summary = self.driver.summary(policy, &class, failure, stop, refused);
        summary.refusal = refusal.and_then(|refusal| classifier.keep(&refusal));
        // The stamp explains why a failed POST was sent only once.
        let unsafe_to_repeat = matches!(stop, StopReason::NotIdempotent | StopReason::NotReplayable);
        let stamped = summary.exhausted
            || unsafe_to_repeat
            || cut_by_deadline(&class, stop)
            || summary.remedy.is_some()
            || self.attempt() > 1;
        if stamped {
            summary.history = self.driver.take_history(failure.class.kind);
            classifier.stamp(&mut outcome, &summary);
        }
        if summary.unresolved && outcome.is_err() {
            let verdict = classifier.judge(&outcome);
            // This error type cannot store that an earlier attempt may have taken effect. An error that itself says so
            // takes its place.
            if verdict.class().is_some_and(claims_not_processed)
                && let Some(unknown) = self.failure.take_unknown()
            {
                outcome = unknown;
                classifier.stamp(&mut outcome, &summary);
                class = classifier.judge(&outcome).class().copied().unwrap_or(class);
            }
        }
        self.mark_exhausted(classifier, &outcome, &class, &summary);
        // After the stamp, so that the copy in the report has it too.
        let cause = Cause::new(&class, classifier.keep(&outcome));
        let foreign = !stamped && is_stamped(&class, &cause);
        Report::write(|report| {
            // The inner layer that stamped the failure has reported its own attempts.
            if !(foreign && report.attempts > 0) {
                self.write(report, Some(stop), Some(cause));
            }
        });
        events::stopped(policy.name(), &summary, self.driver.slept(), &class);
        outcome
    }

    /// Tells outer retries that the failure is exhausted, also if its type cannot store that.
    fn mark_exhausted(
        &self,
        classifier: &impl Classifier<T, E>,
        outcome: &Result<T, E>,
        class: &Class,
        summary: &RetrySummary,
    ) {
        let exhausted = summary.exhausted || class.exhausted;
        if exhausted || summary.unresolved {
            let verdict = classifier.judge(outcome);
            let stored = verdict.class().unwrap_or(class);
            // If the type cannot store that an earlier attempt may have taken effect, no outer retry may repeat it.
            let hides_unresolved = summary.unresolved && stored.delivery != Delivery::Unknown;
            if exhausted || hides_unresolved {
                nested::mark_exhausted(class, stored.exhausted);
            }
        }
    }
}

impl<O> fmt::Debug for Call<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("driver", &self.driver)
            .field("failure", &self.failure)
            .finish_non_exhaustive()
    }
}

fn surroundings(now: Instant) -> Surroundings {
    Context::read(|cx| Surroundings {
        now,
        deadline: cx.deadline().instant(),
        max_attempts: cx.max_attempts().map(NonZeroU32::get),
        idempotent: cx.idempotent(),
        inner_retries_disabled: cx.inner_retries_disabled(),
    })
}

/// Returns `true` if another retry layer has stamped this failure.
fn is_stamped(class: &Class, cause: &Cause) -> bool {
    class.exhausted || cause.error.as_ref().is_some_and(|error| error.retry_summary().is_some())
}
