//! `Driver`: decides after each failed attempt whether the call is retried. Time goes in; no clock is read here.

use std::time::Duration;

use buttress_error::{Class, Delivery, Error, Kind, RetrySummary, StopReason};
use tokio::time::Instant;

use super::earlier::EarlierAttempts;
use super::history::History;
use super::request::RequestInfo;
use crate::budget::{Reservation, SpentTokens};
use crate::policy::{CallBackoff, CallTime, Failure, Policy};
use crate::remedy::Remedy;

/// The attempts of one call, from its first failure on.
#[derive(Debug)]
pub(super) struct Driver {
    /// Attempts begun.
    attempts: u32,
    /// When the call began. If no clock was read then, when its first attempt failed.
    started: Option<Instant>,
    backoff: CallBackoff,
    /// The sum of the waits so far.
    slept: Duration,
    /// Whether an earlier attempt may have taken effect.
    pub(super) earlier: EarlierAttempts,
    history: History,
    /// The retry that has been granted but not begun.
    reservation: Option<Reservation>,
    /// The cost of the latest retry that the budget granted.
    spent: Option<SpentTokens>,
    /// The remedies that have run.
    tried: Vec<Remedy>,
    /// Why the latest of them failed.
    remedy_error: Option<Error>,
}

/// What follows a failed attempt.
#[derive(Debug)]
pub(super) enum Decision {
    Retry(Duration),
    Remedy(Remedy),
    Stop(StopReason),
}

/// The surroundings of a failed attempt.
#[derive(Clone, Copy, Debug)]
pub(super) struct Surroundings {
    pub(super) now: Instant,
    pub(super) deadline: Option<Instant>,
    pub(super) max_attempts: Option<u32>,
    pub(super) idempotent: Option<bool>,
    pub(super) inner_retries_disabled: bool,
}

impl Driver {
    /// The first attempt has ended, of a call that began at `started`, if the clock was read then.
    pub(super) const fn new(started: Option<Instant>) -> Self {
        Self {
            attempts: 1,
            started,
            backoff: CallBackoff::new(),
            slept: Duration::ZERO,
            earlier: EarlierAttempts::new(),
            history: History::new(),
            reservation: None,
            spent: None,
            tried: Vec::new(),
            remedy_error: None,
        }
    }

    pub(super) const fn attempts(&self) -> u32 {
        self.attempts
    }

    pub(super) const fn slept(&self) -> Duration {
        self.slept
    }

    /// Describes the failure of the latest attempt.
    pub(super) fn failure(
        &mut self,
        class: Class,
        around: &Surroundings,
        request: &RequestInfo<'_>,
    ) -> Failure {
        Failure {
            class,
            attempts: self.attempts,
            max_attempts: around.max_attempts,
            time: self.time(around.now, around.deadline),
            idempotent: request.idempotent.or(around.idempotent).unwrap_or(request.assume_idempotent),
            replayable: request.replayable,
            inner_retries_disabled: around.inner_retries_disabled,
        }
    }

    fn time(&mut self, now: Instant, deadline: Option<Instant>) -> CallTime {
        let started = *self.started.get_or_insert(now);
        CallTime { now, elapsed: now.saturating_duration_since(started), deadline }
    }

    /// Decides what follows `failure`. A retry is reserved from the budget.
    pub(super) fn decide(&mut self, policy: &Policy, failure: &Failure) -> Decision {
        if let Some(remedy) = policy.remedy_for(failure, &self.tried) {
            self.tried.push(remedy.clone());
            return Decision::Remedy(remedy.clone());
        }
        let wait = match policy.decide(failure, &mut self.backoff) {
            Ok(wait) => wait,
            Err(stop) => return Decision::Stop(stop),
        };
        if let Some(budget) = policy.budget() {
            self.reservation = budget.withdraw_at(failure.class.kind, failure.time.now);
            if self.reservation.is_none() {
                return Decision::Stop(StopReason::Budget);
            }
        }
        self.history.push(failure.class.kind, wait);
        self.slept = self.slept.saturating_add(wait);
        Decision::Retry(wait)
    }

    /// Records that the latest remedy has ended with `result`. Returns the remedy if the call may be retried now.
    pub(super) fn remedied(
        &mut self,
        policy: &Policy,
        result: Result<(), Error>,
        now: Instant,
        deadline: Option<Instant>,
    ) -> Option<&Remedy> {
        let remedy = self.tried.last()?;
        if let Err(error) = result {
            self.remedy_error = Some(error);
            return None;
        }
        // The remedy has taken time.
        let started = *self.started.get_or_insert(now);
        let time = CallTime { now, elapsed: now.saturating_duration_since(started), deadline };
        if policy.check_time(&time, Duration::ZERO).is_err() {
            self.remedy_error = Some(remedy.too_late());
            return None;
        }
        self.remedy_error = None;
        Some(remedy)
    }

    /// Records that the attempt of `kind` is retried without a wait, after a remedy.
    pub(super) fn retry_after_remedy(&mut self, kind: Kind) {
        self.history.push(kind, Duration::ZERO);
    }

    /// The next attempt begins: its reservation is spent.
    pub(super) fn begin_attempt(&mut self) {
        self.attempts += 1;
        // A retry after a remedy costs nothing. The cost of the one before can still be refunded.
        if let Some(reservation) = self.reservation.take() {
            self.spent = Some(reservation.into_spent());
        }
    }

    /// The latest attempt has succeeded: the budget gets back what it cost.
    pub(super) fn succeeded(&self, policy: &Policy) {
        if let Some(budget) = policy.budget() {
            budget.succeeded(self.spent);
        }
    }

    /// Summarizes a call that ends with a failure of `class`, for the reason `stop`. `refused` is whether a layer of this
    /// stack rejected a later attempt. The history is left out.
    pub(super) fn summary(
        &mut self,
        policy: &Policy,
        class: &Class,
        failure: &Failure,
        stop: StopReason,
        refused: bool,
    ) -> RetrySummary {
        let mut summary = RetrySummary::new(self.attempts, failure.time.elapsed, stop);
        // The error of a remedy for another failure, earlier in the call, does not concern this one.
        let concerned = self.tried.last().is_some_and(|remedy| remedy.applies_to(class));
        summary.remedy = self.remedy_error.take().filter(|_| concerned);
        // An outer retry may have the same remedy.
        let remedied_in_vain =
            summary.remedy.is_none() && self.tried.iter().any(|remedy| remedy.applies_to(class));
        let gave_up = matches!(
            stop,
            StopReason::Attempts
                | StopReason::Deadline
                | StopReason::Budget
                | StopReason::Elapsed
                | StopReason::Rule
        );
        let retries = failure.max_attempts.unwrap_or(policy.max_attempts()) > 1;
        let gave_up = gave_up && retries && !cut_by_deadline(class, stop);
        summary.exhausted = remedied_in_vain || refused || gave_up;
        summary.unresolved = self.earlier.is_unresolved();
        summary
    }

    /// Takes the history of the call, whose last attempt failed with `kind`.
    pub(super) fn take_history(&mut self, kind: Kind) -> Vec<buttress_error::FailedAttempt> {
        self.history.push(kind, Duration::ZERO);
        self.history.take()
    }
}

/// Returns `true` if the deadline cut the attempt while it ran. Retries did not contribute to such a failure.
pub(super) fn cut_by_deadline(class: &Class, stop: StopReason) -> bool {
    stop == StopReason::Deadline && class.kind == Kind::DeadlineExceeded
}

/// Returns `true` if `class` says that the request was not processed.
pub(super) const fn claims_not_processed(class: &Class) -> bool {
    matches!(class.delivery, Delivery::NotProcessed)
}
