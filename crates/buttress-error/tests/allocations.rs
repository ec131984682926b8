//! What an error costs.

use std::fmt;
use std::hint::black_box;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use buttress_error::{
    BoxError, ByKind, Cause, Class, Classifier, Classify, Error, Kind, Rejection, TranslateLayer, Trip,
    TripReason,
};
use buttress_test::{Strict, TestError, allocations};
use tower::{Layer, Service, ServiceExt};

fn open(trip: &Arc<Trip>) -> Rejection {
    Rejection::circuit_open(Arc::clone(trip), Duration::from_secs(1))
}

fn parts() -> (Arc<str>, Arc<Trip>) {
    let class = Class::new(Kind::Unavailable);
    let cause = Cause::new(&class, Some(Error::new(class, "down")));
    let name: Arc<str> = "payments".into();
    (Arc::clone(&name), Arc::new(Trip::new(name, TripReason::Streak { failures: 5 }, Some(cause))))
}

#[test]
fn a_rejection_allocates_nothing() {
    let (name, trip) = parts();
    let count = allocations(|| {
        let rejection = black_box(open(&trip).with_retry_after(Duration::from_secs(1)));
        black_box(rejection.clone().class());
        black_box(Rejection::attempt_timeout(Arc::clone(&name), Duration::ZERO, Duration::ZERO));
        black_box(Rejection::forced_open(Arc::clone(&name), Duration::ZERO));
        black_box(Rejection::deadline(Arc::clone(&name), Duration::ZERO, Duration::ZERO, None));
        black_box(ByKind.judge(&Err::<(), _>(rejection)));
    });
    assert_eq!(count, 0);
}

/// The value that it wraps has a place of its own, but not a refusal, so an open circuit costs one allocation, and not an
/// `io::Error` that carries nothing.
#[test]
fn an_error_allocates_once_of_its_own() {
    let (_, trip) = parts();
    assert_eq!(allocations(|| drop(black_box(Error::new(Kind::NotFound, "it failed")))), 1);
    assert_eq!(allocations(|| drop(black_box(Error::from(open(&trip))))), 1);
    let io = || io::Error::from(io::ErrorKind::NotFound);
    assert_eq!(allocations(|| drop(black_box(Error::from(io())))), 1);
    let boxed = BoxError::from(io());
    assert_eq!(allocations(|| drop(black_box(Error::from(boxed)))), 1);
    assert_eq!(allocations(|| drop(black_box(Error::wrap(Kind::Timeout, fmt::Error)))), 2);
}

/// "At most one allocation of its own to make; a foreign source adds its box, a formatted message its text."
#[test]
fn what_is_added_is_paid_for_when_it_is_added() {
    let io = || io::Error::from(io::ErrorKind::NotFound);
    let cost = |make: &dyn Fn() -> Error| allocations(|| drop(black_box(make())));
    assert_eq!(cost(&|| Error::new(Kind::NotFound, "x")), 1);
    assert_eq!(cost(&|| Error::new(Kind::NotFound, format!("{}", black_box(7)))), 2, "its text");
    let contexts = |count| move || (0..count).fold(Error::from(io()), |error, _| error.context("c"));
    assert_eq!(
        [0, 1, 2, 3, 4, 5, 6].map(|count| cost(&contexts(count))),
        [1, 1, 1, 2, 2, 2, 3],
        "every third"
    );
    assert_eq!(cost(&|| Error::new(Kind::NotFound, "x").reason("R").retry_after(Duration::ZERO)), 1);
    // The room for details, and the list of that sort.
    assert_eq!(cost(&|| Error::new(Kind::NotFound, "x").note("n")), 3);
    assert_eq!(cost(&|| Error::new(Kind::NotFound, "x").note("n").note("m").attr("k", 7)), 4);
    assert_eq!(cost(&|| Error::new(Kind::NotFound, "x").public("p").note("n").context("c")), 3);
}

#[test]
fn searching_allocates_nothing_where_nothing_branches() {
    let error = Error::from(io::Error::from(io::ErrorKind::NotFound)).context("y").note("n");
    let count = allocations(|| {
        assert!(black_box(error.is::<io::Error>()) && !error.is_reason("R"));
        black_box(error.root_cause());
    });
    assert_eq!(count, 0);
}

#[test]
fn judging_and_cloning_allocate_nothing() {
    let outcome: Result<(), Error> = Err(Error::new(Kind::Internal, "it failed").note("n"));
    assert_eq!(allocations(|| assert!(black_box(ByKind.judge(&outcome)).is_failure())), 0);
    assert_eq!(allocations(|| drop(black_box(outcome.clone()))), 0);
    assert_eq!(allocations(|| drop(black_box(ByKind.keep(&outcome)))), 0);
}

#[tokio::test(start_paused = true)]
async fn a_good_call_through_translate_allocates_nothing() {
    let mut service = TranslateLayer::new("db")
        .layer(tower::service_fn(|n: u32| std::future::ready(Ok::<_, io::Error>(n))));
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let count = allocations(|| {
        assert!(service.poll_ready(&mut cx).is_ready());
        let mut answer = std::pin::pin!(service.call(7));
        assert!(std::future::Future::poll(answer.as_mut(), &mut cx).is_ready());
    });
    assert_eq!(count, 0);

    let kit = TranslateLayer::with(|error: TestError| error).layer(Strict::new());
    assert_eq!(kit.oneshot(1).await.unwrap(), 1);
}
