//! An attempt whose outcome is unknown: no later failure of the call hides it.
#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

mod kit;

use std::cell::Cell;
use std::collections::VecDeque;
use std::future::{Ready, ready};
use std::sync::{Arc, Mutex};

use buttress_context::{Context, Replay};
use buttress_error::{
    BoxError, ByKind, Class, Classifier, Classify, Delivery, Error, Kind, Rejection, RetryAdvice,
    RetrySummary, StopReason, Verdict,
};
use buttress_retry::{Policy, PolicyBuilder, Remedy, RetryLayer, on, retry, retry_blocking};
use buttress_test::TestError;
use kit::{MS, plain, reported};
use tower::{Layer, Service, ServiceExt, service_fn};

const NOTE: &str = "an earlier attempt of this call may have taken effect";

fn quick() -> PolicyBuilder {
    Policy::fixed(MS).max_attempts(3).no_budget()
}

fn error(class: Class) -> Error {
    Error::new(class, format!("{} {}", class.kind, class.delivery))
}

fn reset() -> Class {
    Class::new(Kind::Unavailable)
}

fn refused() -> Class {
    Class::new(Kind::Unavailable).delivery(Delivery::NotProcessed)
}

fn rejected() -> Class {
    Class::new(Kind::Rejected)
}

/// Fails with these, and then succeeds.
fn next(script: &Mutex<VecDeque<Class>>) -> Result<u32, Error> {
    script.lock().unwrap().pop_front().map_or(Ok(7), |class| Err(error(class)))
}

/// Makes one call that fails with these in every form: layer, function, thread. Returns the errors.
async fn all_forms(policy: PolicyBuilder, classes: &[Class]) -> [Error; 3] {
    let policy = policy.build().unwrap();
    let script = || Arc::new(Mutex::new(classes.iter().copied().collect::<VecDeque<_>>()));
    let by_layer = {
        let script = script();
        let service = service_fn(move |_: u32| ready(next(&script)));
        RetryLayer::new(policy.clone()).assume_idempotent().layer(service).oneshot(7).await
    };
    let shared = script();
    let by_function = retry(&policy, || ready(next(&shared))).await;
    let shared = script();
    let by_thread = retry_blocking(&policy, || next(&shared));
    [by_layer, by_function, by_thread].map(|outcome| outcome.unwrap_err())
}

/// [S16] [S12] A request was sent and its connection reset, then a layer refuses the next attempt. The caller
/// gets the reset, of unknown delivery, with the refusal attached.
#[tokio::test(start_paused = true)]
async fn a_refusal_does_not_hide_a_reset() {
    for error in all_forms(quick(), &[reset(), rejected()]).await {
        assert_eq!((error.kind(), error.class().delivery), (Kind::Unavailable, Delivery::Unknown));
        assert_eq!((error.to_string().as_str(), error.advice()), ("unavailable unknown", RetryAdvice::Never));
        let effort = error.retry_summary().unwrap();
        assert_eq!((effort.attempts, effort.stopped, effort.exhausted), (2, StopReason::Rejected, true));
        let kinds: Vec<_> = effort.history.iter().map(|attempt| attempt.kind).collect();
        assert_eq!(kinds, [Kind::Unavailable, Kind::Rejected]);
        assert_eq!(effort.refusal.as_ref().unwrap().kind(), Kind::Rejected);
        assert!(error.notes().any(|note| note == "a later attempt was refused: rejected not_processed"));
    }
}

/// The caller gets the last real failure, even one that was not processed. Its delivery is unknown all the same.
#[tokio::test(start_paused = true)]
async fn a_later_failure_to_connect_does_not_hide_it() {
    let cases: [(&[Class], StopReason); 3] = [
        (&[reset(), refused(), refused()], StopReason::Attempts),
        (&[reset(), refused(), rejected()], StopReason::Rejected),
        (&[reset(), Class::new(Kind::Throttled), rejected()], StopReason::Rejected),
    ];
    for (classes, stop) in cases {
        for error in all_forms(quick(), classes).await {
            assert_eq!(
                (error.class().delivery, error.kind()),
                (Delivery::Unknown, classes[1].kind),
                "{classes:?}"
            );
            assert!(error.to_string().ends_with("not_processed"), "the last real failure itself: {error}");
            assert_eq!(error.retry_summary().unwrap().stopped, stop);
            assert!(error.retry_summary().unwrap().unresolved && error.notes().any(|note| note == NOTE));
            assert!(!error.class().is_retryable(false));
        }
    }
    // Where nothing was sent, nothing is unknown.
    for error in all_forms(quick(), &[refused(), rejected()]).await {
        assert_eq!((error.kind(), error.class().delivery), (Kind::Unavailable, Delivery::NotProcessed));
        assert!(!error.retry_summary().unwrap().unresolved && error.notes().all(|note| note != NOTE));
    }
}

/// If every attempt was refused, the caller gets the refusal.
#[tokio::test(start_paused = true)]
async fn refusals_alone() {
    let again = rejected().retry_after(MS);
    for error in all_forms(quick().retry_rejections(), &[again, again, again]).await {
        assert_eq!((error.kind(), error.class().delivery), (Kind::Rejected, Delivery::NotProcessed));
        assert!(error.retry_summary().unwrap().refusal.is_none());
    }
    for error in all_forms(quick().retry_rejections(), &[reset(), again, again]).await {
        assert_eq!((error.kind(), error.class().delivery), (Kind::Unavailable, Delivery::Unknown));
        assert_eq!(error.retry_summary().unwrap().stopped, StopReason::Attempts);
    }
}

/// An attempt that the deadline cuts, or a failure of any kind, is of unknown outcome after a reset.
#[tokio::test(start_paused = true)]
async fn no_kind_is_definite_after_a_reset() {
    for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Rejected) {
        for error in all_forms(quick().max_attempts(2), &[reset(), kind.into()]).await {
            assert_eq!((error.kind(), error.class().delivery), (kind, Delivery::Unknown));
            assert_ne!(error.class().retry, RetryAdvice::Operation);
        }
    }
}

/// [S12] The same over gRPC, where the kind says it without a status: after a reset a failed precondition advises
/// nothing.
#[tokio::test(start_paused = true)]
async fn a_contradiction_advises_nothing() {
    for number in [5, 6, 9, 10] {
        let class = Class::of_grpc(number);
        for error in all_forms(quick(), &[Kind::Timeout.into(), class]).await {
            assert_eq!((error.kind(), error.class().retry), (class.kind, RetryAdvice::Never));
            assert_eq!(error.retry_summary().unwrap().stopped, StopReason::NotRetryable);
            assert!(error.notes().any(|note| note == NOTE));
        }
        for error in all_forms(quick(), &[class]).await {
            assert_eq!((error.class().delivery, error.class().retry), (Delivery::Processed, class.retry));
        }
    }
}

/// The same after a remedy.
#[tokio::test(start_paused = true)]
async fn after_a_remedy() {
    let remedy = || Remedy::run_blocking(on(Kind::NotFound), (), |()| Ok::<_, Error>(())).build().unwrap();
    let policy = || quick().with_remedy(remedy());
    for error in all_forms(policy(), &[Kind::NotFound.into(), reset(), rejected()]).await {
        assert_eq!((error.kind(), error.retry_summary().unwrap().attempts), (Kind::Unavailable, 3));
    }
    for error in all_forms(policy(), &[Kind::NotFound.into(), rejected()]).await {
        assert_eq!((error.kind(), error.class().delivery), (Kind::NotFound, Delivery::Processed));
        assert!(error.retry_summary().unwrap().refusal.is_some());
    }
}

/// The report of the call has the same failure as its error.
#[tokio::test(start_paused = true)]
async fn the_report_has_the_last_real_failure() {
    let policy = quick().build().unwrap();
    let script = Mutex::new(VecDeque::from([reset(), rejected()]));
    let (outcome, report) = reported(Context::default(), retry(&policy, || ready(next(&script)))).await;
    let last = report.last.unwrap();
    assert_eq!(
        (report.attempts, report.stopped, last.kind),
        (2, Some(StopReason::Rejected), Kind::Unavailable)
    );
    assert_eq!(last.error.unwrap().retry_summary(), outcome.unwrap_err().retry_summary());
}

/// Responses judged by a classifier: a failed one is not kept while the call is retried, as its body may hold a
/// connection, so the caller gets the refusal, of unknown delivery.
#[tokio::test(start_paused = true)]
async fn a_refusal_after_a_response() {
    struct Statuses;
    impl Classifier<u16, Error> for Statuses {
        fn judge(&self, outcome: &Result<u16, Error>) -> Verdict {
            match outcome {
                Ok(503) => Verdict::failure(Kind::Unavailable),
                Ok(404) => Verdict::failure(Kind::NotFound),
                Ok(_) => Verdict::success(),
                Err(error) => Verdict::failure(error),
            }
        }

        fn stamp(&self, outcome: &mut Result<u16, Error>, effort: &RetrySummary) {
            ByKind.stamp(outcome, effort);
        }
    }
    let policy = quick().build().unwrap();
    let outcomes = |last: Class| Mutex::new(VecDeque::from([Ok(503), Err(error(last))]));
    let script = outcomes(rejected());
    let refused =
        retry(&policy, || ready(script.lock().unwrap().pop_front().unwrap())).classifier(Statuses).await;
    let refused = refused.unwrap_err();
    assert_eq!((refused.kind(), refused.class().delivery), (Kind::Rejected, Delivery::Unknown));
    assert!(refused.class().exhausted && refused.notes().any(|note| note == NOTE));
    // An error before it is kept.
    let script = Mutex::new(VecDeque::from([Err(error(reset())), Ok(503), Err(error(rejected()))]));
    let kept =
        retry(&policy, || ready(script.lock().unwrap().pop_front().unwrap())).classifier(Statuses).await;
    assert_eq!(kept.unwrap_err().kind(), Kind::Unavailable);
    let script = Mutex::new(VecDeque::from([Ok(503), Ok(404)]));
    let answer =
        retry(&policy, || ready(script.lock().unwrap().pop_front().unwrap())).classifier(Statuses).await;
    assert_eq!(answer.unwrap(), 404);
}

/// A custom error type stores it through `note_retry_summary`; a box stores it if it contains an `Error`.
#[tokio::test(start_paused = true)]
async fn what_holds_it() {
    let policy = quick().build().unwrap();
    let script = Mutex::new(VecDeque::from([reset(), refused(), refused()]));
    let own = || ready(Err::<(), _>(TestError::from(script.lock().unwrap().pop_front().unwrap())));
    let class = retry(&policy, own).await.unwrap_err().class();
    assert_eq!((class.delivery, class.exhausted), (Delivery::Unknown, true));
    let script = Mutex::new(VecDeque::from([reset(), refused(), refused()]));
    let boxed = || ready(Err::<(), BoxError>(error(script.lock().unwrap().pop_front().unwrap()).into()));
    let boxed = retry(&policy, boxed).await.unwrap_err();
    assert_eq!(boxed.downcast_ref::<Error>().unwrap().class().delivery, Delivery::Unknown);
    // What holds nothing never says that nothing was sent: the caller gets the last error that says otherwise.
    for (script, last) in [
        (&[Plain::Reset, Plain::Refused, Plain::Refused][..], "Reset"),
        (&[Plain::Reset, Plain::Refused, Plain::Open], "Reset"),
        (&[Plain::Refused, Plain::Reset, Plain::Open], "Reset"),
        (&[Plain::Refused, Plain::Reset, Plain::Missing], "Missing"),
        (&[Plain::Refused, Plain::Refused, Plain::Refused], "Refused"),
        (&[Plain::Refused, Plain::Open], "Refused"),
        (&[Plain::Open], "Open"),
    ] {
        let mut script = script.iter();
        let error = retry_blocking(&policy, || Err::<(), _>(*script.next().unwrap())).unwrap_err();
        assert_eq!(format!("{error:?}"), last);
    }
    // A closure as classifier stamps nothing.
    let script = Mutex::new(VecDeque::from([reset(), refused(), refused()]));
    let judged = retry(&policy, || ready(next(&script))).classify_with(|outcome| ByKind.judge(outcome));
    assert_eq!(judged.await.unwrap_err().class().delivery, Delivery::Unknown);
    // A rejection is kept as it is, and so is what was before it.
    let script = Cell::new(0);
    let tries = || {
        script.set(script.get() + 1);
        let open = Rejection::forced_open("payments".into(), MS);
        ready(Err::<(), TestError>(if script.get() == 1 { TestError::from(reset()) } else { open.into() }))
    };
    let kept = retry(&policy, tries).await.unwrap_err();
    assert_eq!((kept.kind(), kept.retry_summary().unwrap().refusal.is_none()), (Kind::Unavailable, true));
}

/// A type that stores nothing.
#[derive(Clone, Copy, Debug)]
enum Plain {
    Reset,
    Refused,
    Open,
    Missing,
}

impl Classify for Plain {
    fn class(&self) -> Class {
        match self {
            Self::Reset => reset(),
            Self::Refused => refused(),
            Self::Open => rejected(),
            Self::Missing => Kind::NotFound.into(),
        }
    }
}

/// A request that can be sent twice.
struct Twice(bool);

impl Replay for Twice {
    fn replay(&self) -> Option<Self> {
        self.0.then_some(Self(false))
    }

    fn idempotent(&self) -> Option<bool> {
        Some(true)
    }
}

/// An outer retry of a request that is not idempotent never takes the failure for one that was not processed, even if the
/// error type can't store the delivery, or the inner retry stopped because it could not send the request again.
#[tokio::test(start_paused = true)]
async fn an_outer_retry_is_not_misled() {
    fn fails<E>(calls: &Cell<u32>, first: E, other: E) -> Ready<Result<(), E>> {
        calls.set(calls.get() + 1);
        ready(Err(if calls.get() == 1 { first } else { other }))
    }
    let (policy, calls) = (quick().max_attempts(5).build().unwrap(), Cell::new(0));
    let service = service_fn(|_: Twice| fails(&calls, Plain::Reset, Plain::Refused));
    let inner = RetryLayer::new(policy.clone()).layer(service);
    let outcome = retry(&policy, || inner.clone().call(Twice(true))).not_idempotent().await;
    assert!(matches!(outcome, Err(Plain::Reset)));
    assert_eq!(calls.replace(0), 2);

    let service = service_fn(|_: Twice| fails(&calls, error(reset()), error(refused())));
    let inner = RetryLayer::new(policy.clone()).layer(service);
    let outcome = retry(&policy, || inner.clone().call(Twice(true))).not_idempotent().await;
    let error = outcome.unwrap_err();
    assert_eq!((calls.get(), error.class().delivery), (2, Delivery::Unknown));
    assert_eq!(error.retry_summary().unwrap().stopped, StopReason::NotIdempotent, "by the outer one");
}

/// What an inner retry has exhausted is of unknown outcome after an outer attempt that was.
#[tokio::test(start_paused = true)]
async fn an_inner_retry_does_not_hide_it() {
    let policy = quick().build().unwrap();
    let calls = Cell::new(0);
    let attempt = async || {
        calls.set(calls.get() + 1);
        match calls.get() {
            1 => Err::<(), _>(error(reset())),
            _ => retry(&policy, || ready(Err::<(), _>(error(refused())))).await,
        }
    };
    let failed = retry(&policy, attempt).await.unwrap_err();
    assert_eq!((failed.class().delivery, failed.retry_summary().unwrap().attempts), (Delivery::Unknown, 3));
    assert!(failed.notes().any(|note| note == NOTE));
}

/// [S12] A custom request type with a key: a conflict after a reset is retried, but not without a key.
#[tokio::test(start_paused = true)]
async fn a_key_of_ones_own() {
    #[derive(Clone)]
    struct Charge(Option<bool>);

    impl Replay for Charge {
        fn replay(&self) -> Option<Self> {
            Some(self.clone())
        }

        fn idempotent(&self) -> Option<bool> {
            Some(true)
        }

        fn has_idempotency_key(&self) -> Option<bool> {
            self.0
        }
    }

    let conflict = Class::new(Kind::Aborted);
    for (keyed, class, repeated) in [
        (Some(true), conflict, true),
        (Some(true), Class::new(Kind::AlreadyExists), true),
        (Some(false), conflict.in_progress(), false),
        (None, conflict, false),
        (None, conflict.in_progress(), true),
    ] {
        let script = Mutex::new(VecDeque::from([reset(), class]));
        let layer = RetryLayer::new(plain().build().unwrap());
        let outcome = layer.layer(service_fn(|_: Charge| ready(next(&script)))).oneshot(Charge(keyed)).await;
        assert_eq!(outcome.is_ok(), repeated, "{keyed:?} {class:?}");
    }
}
