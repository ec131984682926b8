//! What a refusal says.

use std::error::Error as StdError;
use std::mem::size_of;
use std::sync::Arc;
use std::time::Duration;

use buttress_error::{
    BoxError, BreakerEffect, ByKind, Cause, Class, Classified, Classifier, Classify, Delivery, Error, Kind,
    Rejection, RejectionReason, Trip, TripReason,
};

const SECOND: Duration = Duration::from_secs(1);

fn name() -> Arc<str> {
    "payments".into()
}

fn trip(rule: TripReason) -> Arc<Trip> {
    let class = Class::new(Kind::Unavailable).reason("DOWN");
    Arc::new(Trip::new(name(), rule, Some(Cause::new(&class, Some(Error::new(class, "connection refused"))))))
}

fn half() -> TripReason {
    TripReason::Rate { failed: 12, calls: 20, threshold: 0.5, window: Some(30 * SECOND) }
}

fn each() -> [Rejection; 6] {
    [
        Rejection::circuit_open(trip(half()), 3200 * SECOND / 1000),
        Rejection::probes_taken(trip(half()), SECOND),
        Rejection::forced_open(name(), SECOND),
        Rejection::attempt_timeout(name(), 2 * SECOND, 2 * SECOND),
        Rejection::deadline(name(), 5 * SECOND, 6 * SECOND, None),
        Rejection::request_stalled(name(), 20 * SECOND, 20 * SECOND),
    ]
}

#[test]
fn it_fits_into_56_bytes() {
    assert!(size_of::<Rejection>() <= 56, "{}", size_of::<Rejection>());
    assert!(size_of::<Result<(), Rejection>>() <= 64);
}

/// [S7] a refusal says in one line the layer, the rule with its numbers, when to come back and the last real failure.
#[test]
fn display_says_who_why_and_when() {
    let [open, probes, forced, attempt, deadline, stalled] = each();
    let texts = [
        (
            open.clone().with_retry_after(Duration::from_millis(1800)),
            "payments: circuit open for 3.2s (12 of 20 failed, threshold 50 %, window 30s), retry after 1.8s, \
             last failure: unavailable (DOWN)",
        ),
        (
            probes,
            "payments: circuit half-open, all probes in flight (12 of 20 failed, threshold 50 %, window 30s), \
             last failure: unavailable (DOWN)",
        ),
        (forced, "payments: circuit forced open for 1.0s"),
        (attempt, "payments: attempt timed out after 2.0s (limit 2s)"),
        (deadline, "payments: deadline exceeded after 6.0s (limit 5s)"),
        (stalled, "payments: request body stalled for 20.0s (limit 20s)"),
    ];
    for (rejection, text) in texts {
        assert_eq!(rejection.to_string(), text);
    }
}

fn probes([failed, throttled, slow, expired]: [u32; 4], probes: u32) -> TripReason {
    TripReason::Probes { failed, throttled, slow, expired, probes }
}

#[test]
fn each_rule_is_said_with_its_numbers() {
    let (calls, threshold) = (20, 0.3);
    let rules = [
        (
            TripReason::Rate { failed: 6, calls, threshold, window: None },
            "rate",
            "6 of 20 failed, threshold 30 %",
        ),
        (
            TripReason::SlowRate { slow: 6, calls, threshold, window: Some(SECOND) },
            "slow_rate",
            "6 of 20 slow, threshold 30 %, window 1s",
        ),
        (
            TripReason::ThrottleRate { throttled: 6, calls, threshold, window: Some(SECOND / 2) },
            "throttle_rate",
            "6 of 20 throttled, threshold 30 %, window 500ms",
        ),
        (TripReason::Streak { failures: 5 }, "streak", "5 failures in a row"),
        (
            TripReason::FailuresWithin { failures: 5, window: 10 * SECOND },
            "failures_within",
            "5 failures within 10s",
        ),
        (TripReason::FailuresWithin { failures: 1, window: SECOND }, "failures_within", "1 failure"),
        (probes([1, 0, 0, 0], 3), "probes", "1 of 3 probes failed"),
        (probes([0, 2, 0, 0], 3), "probes", "2 of 3 probes were throttled"),
        (probes([0, 0, 2, 0], 3), "probes", "2 of 3 probes were slow"),
        (probes([0, 0, 1, 0], 3), "probes", "1 of 3 probes was slow"),
        (probes([0, 0, 0, 2], 3), "probes", "2 of 3 probes timed out"),
        (probes([1, 1, 1, 2], 9), "probes", "1 of 9 probes failed, 1 throttled, 1 slow, 2 timed out"),
        (probes([1, 0, 0, 0], 1), "probes", "the probe failed"),
        (probes([0, 1, 0, 0], 1), "probes", "the probe was throttled"),
        (probes([0, 0, 1, 0], 1), "probes", "the probe was slow"),
        (probes([0, 0, 0, 1], 1), "probes", "the probe timed out"),
    ];
    for (rule, name, text) in rules {
        assert_eq!((rule.as_str(), rule.to_string().as_str()), (name, text));
    }
}

/// `0.55 * 100.0` used to be printed as 55.00000000000001.
#[test]
fn a_threshold_is_a_readable_number_of_percent() {
    for (threshold, text) in
        [(0.55, "55"), (0.07, "7"), (0.29, "29"), (0.999, "99.9"), (1.0, "100"), (0.12345, "12.35")]
    {
        let rule = TripReason::Rate { failed: 1, calls: 1, threshold, window: None };
        assert_eq!(rule.to_string(), format!("1 of 1 failed, threshold {text} %"));
    }
}

/// [S7] what is said in words is also there in numbers, and the last real failure is the source.
#[test]
fn the_numbers_can_be_read() {
    let [open, probes, forced, attempt, deadline, stalled] =
        each().map(|rejection| rejection.with_retry_after(SECOND));
    for rejection in [&open, &probes, &forced, &attempt, &deadline, &stalled] {
        assert_eq!((rejection.layer(), rejection.retry_after()), ("payments", Some(SECOND)));
        assert_eq!(rejection.class().retry_after, Some(SECOND));
    }
    assert_eq!(open.trip().unwrap().reason, half());
    assert_eq!(open.elapsed(), Duration::from_millis(3200));
    assert_eq!((attempt.limit(), attempt.elapsed()), (Some(2 * SECOND), 2 * SECOND));
    assert_eq!((deadline.limit(), deadline.elapsed()), (Some(5 * SECOND), 6 * SECOND));
    assert_eq!((stalled.limit(), stalled.elapsed()), (Some(20 * SECOND), 20 * SECOND));
    assert_eq!((forced.limit(), forced.trip().is_some(), forced.cause().is_some()), (None, false, false));
    for rejection in [open, probes] {
        let cause = rejection.cause().unwrap();
        assert_eq!((cause.kind, cause.reason), (Kind::Unavailable, Some("DOWN")));
        assert_eq!(rejection.source().unwrap().to_string(), "connection refused");
        assert_eq!(rejection.limit(), None);
    }
}

/// [S7] kind and reason of the last failure are there even where the error itself could not be kept.
#[test]
fn a_cause_without_its_error() {
    let cause = Cause::new(&Class::new(Kind::Throttled).reason("SLOW_DOWN"), None);
    let rejection = Rejection::deadline(name(), SECOND, SECOND, Some(cause));
    assert!(rejection.source().is_none());
    assert_eq!(rejection.cause().unwrap().reason, Some("SLOW_DOWN"));
    assert!(rejection.to_string().ends_with(", last failure: throttled (SLOW_DOWN)"), "{rejection}");
}

/// [S7] a refusal is no failure of the dependency, and the request was not sent; a timeout of an attempt is one.
#[test]
fn the_kind_follows_from_why() {
    let expected = [
        (RejectionReason::CircuitOpen, "circuit_open", Kind::Rejected),
        (RejectionReason::ProbesTaken, "probes_taken", Kind::Rejected),
        (RejectionReason::ForcedOpen, "forced_open", Kind::Rejected),
        (RejectionReason::AttemptTimeout, "attempt_timeout", Kind::Timeout),
        (RejectionReason::Deadline, "deadline", Kind::DeadlineExceeded),
        (RejectionReason::RequestStalled, "request_stalled", Kind::Cancelled),
    ];
    for (rejection, (why, word, kind)) in each().into_iter().zip(expected) {
        assert_eq!((rejection.reason(), why.as_str()), (why, word));
        assert_eq!(rejection.class(), Class::new(kind));
        let verdict = ByKind.judge(&Err::<(), _>(rejection));
        if kind == Kind::Rejected {
            assert!(verdict.is_neutral(), "{why}");
            assert_eq!(verdict.class().unwrap().delivery, Delivery::NotProcessed);
        } else if kind == Kind::Cancelled {
            assert!(verdict.is_neutral(), "{why}");
        } else {
            assert!(verdict.is_failure(), "{why}");
        }
    }
}

#[test]
fn it_is_the_same_inside_an_error_and_a_box() {
    for rejection in each().map(|rejection| rejection.with_retry_after(SECOND)) {
        let (class, text) = (rejection.class(), rejection.to_string());
        let error = Error::from(rejection.clone());
        assert_eq!((error.class(), error.to_string()), (&class, text.clone()));
        assert_eq!(error.source().is_some(), rejection.source().is_some());
        assert_eq!(error.find::<Rejection>().unwrap().reason(), rejection.reason());
        let boxed = BoxError::from(rejection);
        assert_eq!((boxed.classified(), boxed.to_string()), (class, text));
    }
}

/// Nanoseconds in a word: the longest durations stop at 584 years and never wrap around; zero stays zero.
#[test]
fn times_saturate() {
    let longest = Duration::from_nanos(u64::MAX - 1);
    let ages =
        Rejection::deadline(name(), Duration::MAX, Duration::MAX, None).with_retry_after(Duration::MAX);
    assert_eq!((ages.elapsed(), ages.limit(), ages.retry_after()), (longest, Some(longest), Some(longest)));
    assert!(ages.to_string().contains("deadline exceeded"));
    let zero = Duration::ZERO;
    let none = Rejection::attempt_timeout(name(), zero, zero).with_retry_after(zero);
    assert_eq!((none.elapsed(), none.limit(), none.retry_after()), (zero, Some(zero), Some(zero)));
}

#[test]
fn debug_names_the_parts() {
    let debug = format!("{:?}", each()[0]);
    for part in ["payments", "CircuitOpen", "Rate", "failed: 12", "Unavailable"] {
        assert!(debug.contains(part), "{part}: {debug}");
    }
}

/// [S20] an answer that blames the caller is a success of the dependency; a throttle is a failure with a name of its own.
#[test]
fn the_table_gives_the_verdict() {
    for kind in Kind::ALL {
        for delivery in [Delivery::NotProcessed, Delivery::Unknown, Delivery::Processed] {
            let verdict = ByKind.judge(&Err::<(), _>(Error::new(Class::new(kind).delivery(delivery), "x")));
            let counted = kind.breaker() != BreakerEffect::No;
            let answered = delivery == Delivery::Processed;
            assert_eq!(verdict.is_failure(), counted, "{kind} {delivery}");
            assert_eq!(verdict.is_throttle(), kind == Kind::Throttled, "{kind} {delivery}");
            assert_eq!(verdict.is_success(), !counted && answered, "{kind} {delivery}");
            assert_eq!(verdict.is_neutral(), !counted && !answered, "{kind} {delivery}");
        }
    }
    assert!(ByKind.judge(&Err::<(), _>(Error::new(Kind::NotFound, "no such order"))).is_success());
    let plain = ByKind.judge(&Ok::<_, Error>(()));
    assert!(plain.is_success() && plain.class().is_none());
}

/// The place where a layer made it would tell nothing.
#[test]
fn a_refusal_has_no_place() {
    for rejection in each() {
        assert_eq!(buttress_error::Error::from(rejection).location(), None);
    }
}
