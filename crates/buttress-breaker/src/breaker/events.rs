//! The events: target `buttress::breaker`, listed in the README.

use std::time::Duration;

use buttress_error::__private::millis;
use buttress_error::{Error, TripReason};
use tracing::{Level, event};

use crate::circuit::refusal::Refusal;
use crate::circuit::state::State;
use crate::circuit::time::Nanos;
use crate::circuit::transition::StateChange;

/// Emits a state change. A level is part of the callsite, so it must be a literal.
macro_rules! emit {
    ($level:ident, $name:literal, $change:ident, $($field:tt)+) => {
        event!(
            target: "buttress::breaker",
            Level::$level,
            event = $name,
            from = $change.from.as_str(),
            to = $change.to.as_str(),
            shadow = $change.shadow,
            $($field)+
        )
    };
}

pub(crate) fn changed(breaker: &str, change: &StateChange) {
    match change.to {
        _ if change.from == change.to => {}
        State::Open => opened(breaker, change),
        State::HalfOpen => emit!(INFO, "breaker.half_open", change, breaker, "circuit half-open"),
        State::Closed => emit!(INFO, "breaker.closed", change, breaker, "circuit closed"),
        State::ForcedOpen => emit!(WARN, "breaker.forced_open", change, breaker, "circuit forced open"),
        State::Disabled => emit!(WARN, "breaker.disabled", change, breaker, "circuit disabled"),
    }
}

fn opened(breaker: &str, change: &StateChange) {
    let Some((trip, wait)) = &change.opened else { return };
    let fields = RuleFields::of(trip.reason);
    emit!(
        WARN,
        "breaker.opened",
        change,
        breaker,
        rule = trip.reason.as_str(),
        failed = fields.failed,
        slow = fields.slow,
        throttled = fields.throttled,
        expired = fields.expired,
        calls = fields.calls,
        threshold = fields.threshold,
        kind = trip.cause.as_ref().map(|cause| cause.kind.as_str()),
        reason = trip.cause.as_ref().and_then(|cause| cause.reason),
        retry_after_ms = millis(Duration::from_nanos(*wait)),
        "circuit opened: {}",
        trip.reason
    );
}

pub(crate) fn rejected(breaker: &str, refusal: &Refusal, now: Nanos) {
    event!(
        target: "buttress::breaker",
        Level::DEBUG,
        event = "breaker.rejected",
        breaker,
        rejection = refusal.reason().as_str(),
        retry_after_ms = refusal.remaining(now).map(|wait| millis(Duration::from_nanos(wait))),
        "call rejected"
    );
}

pub(crate) fn shadow(breaker: &str, on: bool) {
    if on {
        event!(target: "buttress::breaker", Level::WARN, event = "breaker.shadow", breaker, "shadow mode on: the circuit refuses no calls");
    } else {
        event!(target: "buttress::breaker", Level::INFO, event = "breaker.unshadowed", breaker, "shadow mode off");
    }
}

pub(crate) fn store_lost(breaker: &str, error: &Error) {
    event!(
        target: "buttress::breaker",
        Level::WARN,
        event = "breaker.store_lost",
        breaker,
        kind = error.kind().as_str(),
        "fleet store lost: {error}"
    );
}

pub(crate) fn store_found(breaker: &str) {
    event!(target: "buttress::breaker", Level::INFO, event = "breaker.store_found", breaker, "fleet store found again");
}

pub(crate) fn reconfigured(breaker: &str) {
    event!(target: "buttress::breaker", Level::INFO, event = "breaker.reconfigured", breaker, "circuit reconfigured");
}

/// The numbers of a rule, under their field names.
#[derive(Default)]
struct RuleFields {
    failed: Option<u32>,
    slow: Option<u32>,
    throttled: Option<u32>,
    expired: Option<u32>,
    calls: Option<u32>,
    threshold: Option<f64>,
}

impl RuleFields {
    fn of(rule: TripReason) -> Self {
        let none = Self::default();
        match rule {
            TripReason::Rate { failed, calls, threshold, .. } => {
                Self { failed: Some(failed), calls: Some(calls), threshold: Some(threshold), ..none }
            }
            TripReason::SlowRate { slow, calls, threshold, .. } => {
                Self { slow: Some(slow), calls: Some(calls), threshold: Some(threshold), ..none }
            }
            TripReason::ThrottleRate { throttled, calls, threshold, .. } => {
                Self { throttled: Some(throttled), calls: Some(calls), threshold: Some(threshold), ..none }
            }
            TripReason::Stuck { calls, .. } => Self { calls: Some(calls), ..none },
            TripReason::Streak { failures } => Self { failed: Some(failures), ..none },
            TripReason::FailuresWithin { failures, .. } => Self { failed: Some(failures), ..none },
            TripReason::Probes { failed, throttled, slow, expired, probes } => Self {
                failed: Some(failed),
                throttled: Some(throttled),
                slow: Some(slow),
                expired: Some(expired),
                calls: Some(probes),
                ..none
            },
            _ => none,
        }
    }
}
