//! `Operation`: one call and its attempts. What the future and the function have in common.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use buttress_context::{Context, Frame, Report, Scope};
use buttress_error::{
    Cause, Class, Classifier, Delivery, Error, FailedAttempt, Kind, RetrySummary, StopReason,
};
use tokio::time::Instant;

use crate::attempt::earlier::Earlier;
use crate::attempt::last_failure::{Kept, Last};
use crate::attempt::nested;
use crate::attempt::nested::GivenUp;
use crate::budget::{Reservation, Spent};
use crate::policy::{Facts, Memory, Time};
use crate::remedy::{self, Healing};
use crate::{Policy, Remedy, events};

#[derive(Debug)]
pub(crate) struct Operation {
    /// Attempts begun.
    attempts: u32,
    /// When it began; if no clock was read then, when its first attempt had failed.
    started: Option<Instant>,
    /// When the latest attempt began, by the logical clock of remedies.
    began: u64,
    /// What a retry further in has given up on in the latest attempt.
    given_up: Option<GivenUp>,
    /// What the attempts before the latest leave open.
    earlier: Earlier,
    slept: Duration,
    waits: Memory,
    /// The retry that is waiting to begin.
    reservation: Option<Reservation>,
    /// What the latest retry that the policy made has cost.
    spent: Option<Spent>,
    history: Vec<FailedAttempt>,
    /// The remedies that were tried.
    tried: Vec<Remedy>,
    /// Why the latest of them did not heal.
    remedy_error: Option<Error>,
}

/// What a call notes when it begins, for the case that its first attempt fails.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Begin {
    started: Option<Instant>,
    /// By the logical clock of remedies.
    began: u64,
}

/// What follows an attempt.
pub(crate) enum Next<O> {
    /// Nothing: this is the outcome of the call.
    Done(O),
    /// Another attempt, after a wait.
    Wait(Duration),
    /// Another attempt, if the remedy heals what failed with this outcome.
    Heal(Healing, O),
}

/// What is known of the request when an attempt has failed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Repeatability<'c> {
    /// May it be processed twice? None: the context decides.
    pub(crate) idempotent: Option<bool>,
    /// Does it carry an idempotency key? None: its type does not say.
    pub(crate) keyed: Option<bool>,
    /// Set once the layer has warned that its request type says nothing; none where it may assume that it may.
    pub(crate) warned: Option<&'c AtomicBool>,
    /// What is taken for true where neither says anything.
    pub(crate) assume_idempotent: bool,
    /// Is there something to send again?
    pub(crate) replayable: bool,
}

/// A call begins: it is counted, and the clocks are read that the policy needs.
#[inline]
pub(crate) fn begin(policy: &Policy) -> Begin {
    let started = if policy.needs_clock() { Some(count(policy)) } else { None };
    Begin { started, began: remedy::clock() }
}

/// Told to be cold, so that a call that counts nothing goes straight on: one that reads the clock has time for a jump.
#[cold]
fn count(policy: &Policy) -> Instant {
    let now = Instant::now();
    if let Some(budget) = policy.budget() {
        budget.deposit_at(now);
    }
    now
}

/// The first attempt has succeeded.
#[inline]
pub(crate) fn succeeded_at_once(policy: &Policy) {
    if !policy.ends_plainly() {
        give_back(policy);
    }
}

#[cold]
fn give_back(policy: &Policy) {
    if let Some(budget) = policy.budget() {
        budget.succeeded(None);
    }
}

/// May another attempt follow the one that is about to begin, after `earlier` ones?
pub(crate) fn may_repeat(policy: &Policy, earlier: u32) -> bool {
    let (owned, overridden) = Context::read(|cx| (cx.inner_retries_disabled(), cx.max_attempts()));
    !owned && earlier + 1 < attempts(policy, overridden)
}

/// Attempts at most, unless the caller has said otherwise.
fn attempts(policy: &Policy, overridden: Option<NonZeroU32>) -> u32 {
    overridden.map_or(policy.max_attempts(), NonZeroU32::get)
}

impl Repeatability<'_> {
    /// What is known of a closure.
    pub(crate) const fn of_closure(idempotent: Option<bool>) -> Self {
        Self { idempotent, keyed: None, warned: None, assume_idempotent: true, replayable: true }
    }

    /// Warns, once for each layer, that a failure was not repeated only because the request type says nothing of
    /// idempotency.
    fn warn(&self, retry: Option<&str>, class: &Class) {
        let silent = self.idempotent.is_none()
            && self.keyed.is_none()
            && Context::read(|cx| cx.idempotent().is_none());
        if let Some(warned) = self.warned.filter(|_| silent)
            && !warned.swap(true, Ordering::Relaxed)
        {
            events::idempotency_unknown(retry, class);
        }
    }
}

impl Operation {
    /// The first attempt has failed. In it, a retry further in may have `given_up`.
    #[cold]
    pub(crate) const fn new(begin: Begin, given_up: Option<GivenUp>) -> Self {
        Self {
            attempts: 1,
            started: begin.started,
            began: begin.began,
            given_up,
            earlier: Earlier::new(),
            slept: Duration::ZERO,
            waits: Memory::new(),
            reservation: None,
            spent: None,
            history: Vec::new(),
            tried: Vec::new(),
            remedy_error: None,
        }
    }

    /// The next attempt begins: its reservation is spent. Reported at once, as it may be cut short.
    pub(crate) fn next_attempt(&mut self) {
        self.attempts += 1;
        self.began = remedy::clock();
        self.given_up = None;
        // A retry after a remedy costs nothing: what the one before it cost is still to be given back.
        if let Some(reservation) = self.reservation.take() {
            self.spent = Some(reservation.into_spent());
        }
        self.report(None, None);
    }

    /// Runs a part of an attempt, and notes if a retry further in gives up meanwhile.
    pub(crate) fn attempt<T>(&mut self, run: impl FnOnce(&mut Self) -> T) -> T {
        let outer = nested::enter();
        let output = run(self);
        self.given_up = nested::leave(outer).or(self.given_up);
        output
    }

    /// Attempts begun.
    pub(crate) const fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Begins an attempt, in a context of its own.
    pub(crate) fn begin<F>(&self, policy: &Policy, attempt: impl FnOnce() -> F) -> Scope<F> {
        let mut frame = self.frame(policy);
        let future = {
            let _entered = frame.enter();
            attempt()
        };
        Scope::new(frame, future)
    }

    /// The frame for the attempt that is about to begin. The first has the number that the caller's own attempt has.
    pub(crate) fn frame(&self, policy: &Policy) -> Frame {
        let mut context = Context::current();
        if self.attempts > 1 {
            context = context.with_attempt(self.attempts);
        }
        Frame::new(if policy.retry_only_outermost() {
            context.with_inner_retries_disabled()
        } else {
            context
        })
    }

    /// An attempt has ended: what follows.
    pub(crate) fn ended<Res, E>(
        &mut self,
        policy: &Policy,
        classifier: &impl Classifier<Res, E>,
        outcome: Result<Res, E>,
        kept: &mut Kept<Result<Res, E>>,
        request: Repeatability<'_>,
    ) -> Next<Result<Res, E>> {
        let verdict = classifier.judge(&outcome);
        let Some(class) = verdict.class() else {
            self.succeeded(policy);
            return Next::Done(outcome);
        };
        let says = class.delivery;
        let class = nested::marked(class, self.given_up, || classifier.keep(&outcome));
        let class = self.earlier.read(&class, request.keyed);
        let now = Instant::now();
        let facts = self.facts(class, now, request);
        if let Some(remedy) = policy.remedy(&facts, &self.tried) {
            self.tried.push(remedy.clone());
            return Next::Heal(remedy.heal(self.began, &class, now, policy.latest(&facts.time)), outcome);
        }
        match self.decide(policy, &facts) {
            Ok(wait) => {
                self.remember(class.kind, wait);
                self.slept = self.slept.saturating_add(wait);
                self.report(None, Some(Cause::new(&class, classifier.keep(&outcome))));
                events::scheduled(policy.name(), self.attempts, wait, &class);
                self.earlier.record(&class);
                kept.replace(class, says, outcome);
                Next::Wait(wait)
            }
            Err(stop) => {
                if stop == StopReason::NotIdempotent && policy.would_repeat(&facts) {
                    request.warn(policy.name(), &class);
                }
                let last = kept.last_real(class, outcome, self.earlier);
                Next::Done(self.stopped(policy, classifier, last, kept, &facts, stop))
            }
        }
    }

    /// The call ends with its last real failure.
    fn stopped<Res, E>(
        &mut self,
        policy: &Policy,
        classifier: &impl Classifier<Res, E>,
        last: Last<Result<Res, E>>,
        kept: &mut Kept<Result<Res, E>>,
        facts: &Facts,
        stop: StopReason,
    ) -> Result<Res, E> {
        let Last { mut class, mut outcome, refusal, refused } = last;
        // Cut while it ran, so that a retry had no part in it.
        let cut = stop == StopReason::Deadline && class.kind == Kind::DeadlineExceeded;
        let mut effort = RetrySummary::new(self.attempts, facts.time.elapsed, stop);
        let given_up = matches!(
            stop,
            StopReason::Attempts
                | StopReason::Deadline
                | StopReason::Budget
                | StopReason::Elapsed
                | StopReason::Rule
        );
        // That of a remedy for another failure, earlier in the call, says nothing about this one.
        let of_this = self.tried.last().is_some_and(|remedy| remedy.heals(&class));
        effort.remedy = self.remedy_error.take().filter(|_| of_this);
        // A retry further out may have the same remedy.
        let healed_in_vain = effort.remedy.is_none() && self.tried.iter().any(|remedy| remedy.heals(&class));
        let repeats = facts.max_attempts.unwrap_or(policy.max_attempts()) > 1;
        effort.exhausted = healed_in_vain || refused || given_up && repeats && !cut;
        effort.unresolved = self.earlier.is_unresolved();
        effort.refusal = refusal.and_then(|refusal| classifier.keep(&refusal));
        // Who wonders why a failed POST was sent once finds the answer on the error.
        let unsafe_to_repeat = matches!(stop, StopReason::NotIdempotent | StopReason::NotReplayable);
        let stamped =
            effort.exhausted || unsafe_to_repeat || cut || effort.remedy.is_some() || self.attempts > 1;
        if stamped {
            self.remember(facts.class.kind, Duration::ZERO);
            effort.history = std::mem::take(&mut self.history);
            classifier.stamp(&mut outcome, &effort);
        }
        if effort.unresolved && claims_not_processed(classifier, &outcome) {
            // Its type can't hold that an earlier attempt may have taken effect: the one that says so comes first.
            if let Some(unknown) = kept.take_unknown() {
                outcome = unknown;
                classifier.stamp(&mut outcome, &effort);
                class = classifier.judge(&outcome).class().copied().unwrap_or(class);
            }
        }
        let class = &class;
        if effort.exhausted || class.exhausted || effort.unresolved {
            let verdict = classifier.judge(&outcome);
            let shown = verdict.class().unwrap_or(class);
            // Where the type can't hold that an earlier attempt may have taken effect, no outer retry may repeat it.
            let hides = effort.unresolved && shown.delivery != Delivery::Unknown;
            if effort.exhausted || class.exhausted || hides {
                nested::give_up(class, shown.exhausted);
            }
        }
        // After the stamp, so that the copy in the report has it too.
        let cause = Cause::new(class, classifier.keep(&outcome));
        let foreign = !stamped && has_been_retried(class, &cause);
        Report::write(|report| {
            // The layer further in that owns the failure has reported its own attempts.
            if !(foreign && report.attempts > 0) {
                self.write(report, Some(stop), Some(cause));
            }
        });
        events::stopped(policy.name(), &effort, self.slept, class);
        outcome
    }

    /// A remedy has healed the failure of the latest attempt, or has not: then the failure is to be judged once more.
    pub(crate) fn remedied<Res, E>(
        &mut self,
        healed: Result<(), Error>,
        policy: &Policy,
        classifier: &impl Classifier<Res, E>,
        outcome: Result<Res, E>,
        kept: &mut Kept<Result<Res, E>>,
        keyed: Option<bool>,
    ) -> Result<(), Result<Res, E>> {
        if let Err(error) = healed {
            self.remedy_error = Some(error);
            return Err(outcome);
        }
        // It has taken its time.
        let time = self.time(Instant::now());
        if policy.in_time(&time, Duration::ZERO).is_err() {
            self.remedy_error = self.tried.last().map(Remedy::too_late);
            return Err(outcome);
        }
        self.remedy_error = None;
        let verdict = classifier.judge(&outcome);
        if let (Some(class), Some(remedy)) = (verdict.class(), self.tried.last()) {
            let says = class.delivery;
            let class = self.earlier.read(class, keyed);
            events::remedied(policy.name(), self.attempts, remedy.name(), &class);
            self.remember(class.kind, Duration::ZERO);
            self.report(None, Some(Cause::new(&class, classifier.keep(&outcome))));
            self.earlier.record(&class);
            kept.replace(class, says, outcome);
        }
        Ok(())
    }

    fn facts(&mut self, class: Class, now: Instant, request: Repeatability<'_>) -> Facts {
        let time = self.time(now);
        Context::read(|cx| Facts {
            class,
            attempts: self.attempts,
            max_attempts: cx.max_attempts().map(NonZeroU32::get),
            time,
            idempotent: request.idempotent.or(cx.idempotent()).unwrap_or(request.assume_idempotent),
            replayable: request.replayable,
            outer_retries: cx.inner_retries_disabled(),
        })
    }

    fn time(&mut self, now: Instant) -> Time {
        let started = *self.started.get_or_insert(now);
        let elapsed = now.saturating_duration_since(started);
        Time { now, elapsed, deadline: Context::read(|cx| cx.deadline().instant()) }
    }

    fn decide(&mut self, policy: &Policy, facts: &Facts) -> Result<Duration, StopReason> {
        let wait = policy.decide(facts, &mut self.waits)?;
        if let Some(budget) = policy.budget() {
            self.reservation =
                Some(budget.withdraw_at(facts.class.kind, facts.time.now).ok_or(StopReason::Budget)?);
        }
        Ok(wait)
    }

    fn succeeded(&self, policy: &Policy) {
        if let Some(budget) = policy.budget() {
            budget.succeeded(self.spent);
        }
        if self.attempts > 1 {
            self.report(Some(StopReason::Success), None);
            events::recovered(policy.name(), self.attempts, self.slept);
        }
    }

    /// The oldest goes when there are too many.
    fn remember(&mut self, kind: Kind, wait: Duration) {
        if self.history.len() == RetrySummary::HISTORY {
            self.history.remove(0);
        }
        self.history.push(FailedAttempt::new(kind, wait));
    }

    fn report(&self, stopped: Option<StopReason>, last: Option<Cause>) {
        Report::write(|report| self.write(report, stopped, last));
    }

    fn write(&self, report: &mut Report, stopped: Option<StopReason>, last: Option<Cause>) {
        report.attempts = self.attempts;
        report.delay = self.slept;
        report.stopped = stopped;
        if last.is_some() {
            report.last = last;
        }
    }
}

/// Has another retry layer stopped at this very failure?
fn has_been_retried(class: &Class, cause: &Cause) -> bool {
    class.exhausted || cause.error.as_ref().is_some_and(|error| error.retry_summary().is_some())
}

/// Does an error say of itself that nothing was sent?
fn claims_not_processed<Res, E>(classifier: &impl Classifier<Res, E>, outcome: &Result<Res, E>) -> bool {
    let verdict = classifier.judge(outcome);
    outcome.is_err() && verdict.class().is_some_and(|class| class.delivery == Delivery::NotProcessed)
}
