//! `Operation`: one call and its attempts. What the future and the function have in common.

use std::time::Duration;

use buttress_context::{Context, Frame, Report};
use buttress_error::{Cause, Class, Classifier, Effort, Stop, Try};
use tokio::time::Instant;

use crate::backoff::Waits;
use crate::budget::{Reservation, Spent};
use crate::policy::Facts;
use crate::{Policy, events};

#[derive(Debug)]
pub(crate) struct Operation {
    /// Attempts begun.
    attempts: u32,
    /// When it began; without a budget that needs the clock, when its first attempt had failed.
    started: Option<Instant>,
    slept: Duration,
    waits: Waits,
    /// The retry that is waiting to begin.
    reservation: Option<Reservation>,
    /// What the latest retry cost.
    spent: Option<Spent>,
    history: Vec<Try>,
}

/// What is known of the request when an attempt has failed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Repeatability {
    /// May it be processed twice? None: the context decides.
    pub(crate) idempotent: Option<bool>,
    /// What is taken for true where neither says anything.
    pub(crate) assume_idempotent: bool,
    /// Is there something to send again?
    pub(crate) replayable: bool,
}

/// A call begins: it is counted, and the clock is read if the budget needs it.
pub(crate) fn begin(policy: &Policy) -> Option<Instant> {
    let budget = policy.budget().filter(|budget| budget.needs_clock())?;
    let now = Instant::now();
    budget.deposit_at(now);
    Some(now)
}

/// The first attempt has succeeded.
pub(crate) fn succeeded_at_once(policy: &Policy) {
    if let Some(budget) = policy.budget() {
        budget.succeeded(None);
    }
}

/// Runs a part of the first attempt: in the caller's own context, unless this layer alone repeats.
pub(crate) fn first<T>(policy: &Policy, run: impl FnOnce() -> T) -> T {
    if policy.outermost_owns() { Context::current().with_retries_owned().run(run) } else { run() }
}

/// May another attempt follow the one that is about to begin, after `earlier` ones?
pub(crate) fn may_repeat(policy: &Policy, earlier: u32) -> bool {
    earlier + 1 < policy.max_attempts() && !Context::read(Context::retries_owned)
}

impl Operation {
    /// The first attempt, begun at `started`, has failed.
    #[cold]
    pub(crate) const fn new(started: Option<Instant>) -> Self {
        Self {
            attempts: 1,
            started,
            slept: Duration::ZERO,
            waits: Waits::new(),
            reservation: None,
            spent: None,
            history: Vec::new(),
        }
    }

    /// The next attempt begins: its reservation is spent. Reported at once, as it may be cut short.
    pub(crate) fn next_attempt(&mut self) {
        self.attempts += 1;
        self.spent = self.reservation.take().map(Reservation::into_spent);
        self.report(None, None);
    }

    /// Attempts begun.
    pub(crate) const fn attempts(&self) -> u32 {
        self.attempts
    }

    /// The frame for the attempt that is about to begin.
    pub(crate) fn frame(&self, policy: &Policy) -> Frame {
        let context = Context::current().with_attempt(self.attempts);
        Frame::new(if policy.outermost_owns() { context.with_retries_owned() } else { context })
    }

    /// An attempt has ended: the wait before the next one, or none when the outcome is final.
    pub(crate) fn ended<Res, E>(
        &mut self,
        policy: &Policy,
        classifier: &impl Classifier<Res, E>,
        outcome: &mut Result<Res, E>,
        request: Repeatability,
    ) -> Option<Duration> {
        let verdict = classifier.judge(outcome);
        let Some(class) = verdict.class() else {
            self.succeeded(policy);
            return None;
        };
        self.failed(policy, classifier, outcome, class, request)
    }

    /// An attempt has failed, with `class`.
    pub(crate) fn failed<Res, E>(
        &mut self,
        policy: &Policy,
        classifier: &impl Classifier<Res, E>,
        outcome: &mut Result<Res, E>,
        class: &Class,
        request: Repeatability,
    ) -> Option<Duration> {
        let now = Instant::now();
        let started = *self.started.get_or_insert(now);
        match self.decide(policy, *class, now, request) {
            Ok(wait) => {
                self.remember(class, wait);
                self.slept = self.slept.saturating_add(wait);
                self.report(None, Some(Cause::new(class, classifier.keep(outcome))));
                events::scheduled(self.attempts, wait, class);
                Some(wait)
            }
            Err(stop) => {
                let mut effort = Effort::new(self.attempts, now.saturating_duration_since(started), stop);
                let given_up = matches!(stop, Stop::Attempts | Stop::Deadline | Stop::Budget);
                effort.exhausted = given_up && policy.max_attempts() > 1;
                // Who wonders why a failed POST was sent once finds the answer on the error.
                let unsafe_to_repeat = matches!(stop, Stop::NotIdempotent | Stop::NotReplayable);
                let stamped = effort.exhausted || unsafe_to_repeat || self.attempts > 1;
                if stamped {
                    self.remember(class, Duration::ZERO);
                    effort.history = std::mem::take(&mut self.history);
                    classifier.stamp(outcome, &effort);
                }
                // After the stamp, so that the copy in the report has it too.
                let cause = Cause::new(class, classifier.keep(outcome));
                let foreign = !stamped && has_been_retried(class, &cause);
                Report::write(|report| {
                    // The layer further in that owns the failure has reported its own attempts.
                    if !(foreign && report.attempts > 0) {
                        self.write(report, Some(stop), Some(cause));
                    }
                });
                events::stopped(&effort, self.slept, class);
                None
            }
        }
    }

    fn decide(
        &mut self,
        policy: &Policy,
        class: Class,
        now: Instant,
        request: Repeatability,
    ) -> Result<Duration, Stop> {
        let facts = Context::read(|cx| Facts {
            class,
            attempts: self.attempts,
            now,
            deadline: cx.deadline().instant(),
            idempotent: request.idempotent.or(cx.idempotent()).unwrap_or(request.assume_idempotent),
            replayable: request.replayable,
            owned_outside: cx.retries_owned(),
        });
        let wait = policy.decide(&facts, &mut self.waits)?;
        if let Some(budget) = policy.budget() {
            self.reservation = Some(budget.withdraw_at(class.kind, now).ok_or(Stop::Budget)?);
        }
        Ok(wait)
    }

    fn succeeded(&self, policy: &Policy) {
        if let Some(budget) = policy.budget() {
            budget.succeeded(self.spent);
        }
        self.report(Some(Stop::Success), None);
        events::recovered(self.attempts, self.slept);
    }

    /// The oldest goes when there are too many.
    fn remember(&mut self, class: &Class, wait: Duration) {
        if self.history.len() == Effort::HISTORY {
            self.history.remove(0);
        }
        self.history.push(Try::new(class.kind, wait));
    }

    fn report(&self, stopped: Option<Stop>, last: Option<Cause>) {
        Report::write(|report| self.write(report, stopped, last));
    }

    fn write(&self, report: &mut Report, stopped: Option<Stop>, last: Option<Cause>) {
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
    class.exhausted || cause.error.as_ref().is_some_and(|error| error.effort().is_some())
}
