//! When the circuit opens, how long it stays open, and what a refusal says.

mod support;

use std::error::Error as _;

use buttress_breaker::{Breaker, BreakerLayer, State, TripRule, Window};
use buttress_error::{Class, Delivery, Error, Kind, Rejection, RejectionReason, TripReason, Verdict};
use buttress_test::{HOLD, Step, Strict, TestError, conform};
use support::{admit, call, fail, ms, plain, probe, refused, secs, service, sleep, succeed, trip};
use tower::{Layer, Service, ServiceExt, service_fn};

/// [S1] [S2] [S3] [S4] what every layer owes to tower: the ready instance is called, clones are not ready, waits
/// register a waker, a call cancelled or panicking at any point leaves nothing reserved.
#[tokio::test(start_paused = true)]
async fn conforms() {
    let layer = BreakerLayer::new("db");
    let breaker = layer.breaker().clone();
    conform(move |inner| layer.layer(inner))
        .at_rest(|| assert_eq!(breaker.stats().in_flight(), 0))
        .run()
        .await;
}

/// [S21] a service made ready while the circuit was open refuses its call, even if the wait ends in between, for its
/// inner service is not ready.
#[tokio::test(start_paused = true)]
async fn ready_while_open_refuses_later() {
    let breaker = plain().build().unwrap();
    trip(&breaker);
    let mut service = service(&breaker, Strict::new());
    service.ready().await.unwrap();
    sleep(secs(5)).await;
    assert_eq!(service.call(7).await.unwrap_err().kind(), Kind::Rejected);
    assert_eq!(call(&mut service).await.unwrap(), 7, "made ready again, it is a probe");
}

/// [S3] [S21] a service made ready while the circuit was closed refuses its call once the circuit is open.
#[tokio::test(start_paused = true)]
async fn ready_while_closed_refuses_once_open() {
    let breaker = plain().build().unwrap();
    let inner = Strict::new();
    let mut service = service(&breaker, inner.clone());
    service.ready().await.unwrap();
    trip(&breaker);
    assert_eq!(service.call(7).await.unwrap_err().kind(), Kind::Rejected);
    assert_eq!(inner.calls(), 0);
}

#[tokio::test]
#[should_panic = "poll_ready must be called first"]
async fn called_unready() {
    let mut service = service(&Breaker::new("db"), Strict::new());
    drop(service.call(7));
}

/// [S3] a clone of a ready service is not ready: the contract is broken above, and the message says so.
#[tokio::test]
#[should_panic = "poll_ready must be called first"]
async fn a_clone_is_not_ready() {
    let mut service = service(&Breaker::new("db"), Strict::new());
    service.ready().await.unwrap();
    drop(service.clone().call(7));
}

/// [S4] clones of the layer, several `layer()` calls and clones of services share one circuit.
#[tokio::test(start_paused = true)]
async fn clones_share_the_circuit() {
    let layer = BreakerLayer::new("db");
    let failing = || (0..5).fold(Strict::new(), |inner, _| inner.then(Step::fail(Kind::Unavailable)));
    let mut one = layer.layer(failing());
    let mut two = layer.clone().layer(failing());
    let mut three = one.clone();
    let (mut four, mut five) = (two.clone(), three.clone());
    for service in [&mut one, &mut two, &mut three, &mut four, &mut five] {
        assert_eq!(call(service).await.unwrap_err().kind(), Kind::Unavailable);
    }
    assert_eq!(layer.breaker().state(), State::Open);
    assert_eq!(call(&mut two).await.unwrap_err().kind(), Kind::Rejected);
}

/// [S19] the default rule asks for evidence that more than half of the calls fail: 5 of 5, 14 of 19, 60 of 100,
/// 532 of 1 000, and no less.
#[tokio::test(start_paused = true)]
async fn the_default_asks_for_evidence() {
    // (On the way to 15 of 20 there are 14 of 19, which are enough.)
    for (failed, calls) in [(5, 5), (14, 19), (60, 100), (532, 1_000)] {
        let breaker = Breaker::builder("db").consecutive_failures(None).build().unwrap();
        succeed(&breaker, calls - failed);
        fail(&breaker, failed - 1);
        assert!(breaker.state().is_closed(), "{failed} of {calls}");
        fail(&breaker, 1);
        let rejection = refused(&breaker);
        let window = Some(secs(30));
        assert_eq!(
            rejection.trip().unwrap().reason,
            TripReason::Rate { failed, calls, threshold: 0.5, window }
        );
        let text =
            format!("db: circuit open for 0.0ns ({failed} of {calls} failed, threshold 50 %, window 30s), ");
        assert!(rejection.to_string().starts_with(&text), "{rejection}");
    }
    let breaker = Breaker::new("db");
    fail(&breaker, 4);
    assert!(breaker.state().is_closed(), "5 calls at least");
}

/// [S19] 20 failures in a row open, however full the window is; a success between them begins the streak again.
#[tokio::test(start_paused = true)]
async fn twenty_in_a_row_open_a_full_window() {
    for health in [100, 1_000, 100_000] {
        let breaker = Breaker::new("db");
        succeed(&breaker, health);
        fail(&breaker, 19);
        succeed(&breaker, 1);
        fail(&breaker, 19);
        assert!(breaker.state().is_closed());
        fail(&breaker, 1);
        assert_eq!(refused(&breaker).trip().unwrap().reason, TripReason::Streak { failures: 20 });
    }
}

/// [S19] a streak has no guard by the minimum, and none is armed below it: with a large minimum, chance opens no
/// circuit at five in a row.
#[tokio::test(start_paused = true)]
async fn no_streak_is_guarded_by_the_minimum() {
    let breaker = Breaker::builder("db").minimum_calls(1_000).build().unwrap();
    for _ in 0..50 {
        fail(&breaker, 19);
        succeed(&breaker, 1);
        assert!(breaker.state().is_closed() || breaker.stats().admitted >= 1_000);
    }
    assert!(breaker.state().is_open(), "950 of 1 000");
    let breaker = Breaker::builder("db").minimum_calls(10).consecutive_failures(3).build().unwrap();
    succeed(&breaker, 1_000);
    fail(&breaker, 3);
    assert_eq!(refused(&breaker).trip().unwrap().reason, TripReason::Streak { failures: 3 });
}

/// [S19] a rate or a minimum that the user sets is meant exactly.
#[tokio::test(start_paused = true)]
async fn what_a_user_sets_is_meant_exactly() {
    let settings = [
        (Breaker::builder("db").failure_rate(0.5), 10, 20),
        (Breaker::builder("db").minimum_calls(10), 5, 10),
        (Breaker::builder("db").failure_rate(0.1).minimum_calls(30), 3, 30),
        (Breaker::builder("db").failure_rate(1.0 - 0.9).minimum_calls(10), 1, 10),
        (Breaker::builder("db").failure_rate(2.0 / 3.0).minimum_calls(3), 2, 3),
        (Breaker::builder("db").failure_rate(0.5).window(Window::count(10)), 5, 10),
    ];
    for (builder, failed, calls) in settings {
        let breaker = builder.build().unwrap();
        succeed(&breaker, calls - failed);
        fail(&breaker, failed - 1);
        assert!(breaker.state().is_closed(), "{} of {calls}", failed - 1);
        fail(&breaker, 1);
        assert!(breaker.state().is_open(), "{failed} of {calls}");
    }
}

/// [S19] a plain rate: half of at least 20 calls in 30 s, in ten buckets.
#[tokio::test(start_paused = true)]
async fn rate_over_time() {
    let breaker = plain().failure_rate(0.5).build().unwrap();
    for _ in 0..9 {
        succeed(&breaker, 1);
        fail(&breaker, 1);
    }
    fail(&breaker, 1);
    assert!(breaker.state().is_closed(), "10 of 19 failed: below the minimum");
    succeed(&breaker, 1);
    let rule = refused(&breaker).trip().unwrap().reason;
    assert!(
        matches!(rule, TripReason::Rate { failed: 10, calls: 20, threshold: 0.5, window: Some(_) }),
        "{rule:?}"
    );

    let breaker = Breaker::new("db");
    succeed(&breaker, 20);
    sleep(ms(29_999)).await;
    assert_eq!(breaker.stats().window.total, 20);
    sleep(ms(1)).await;
    assert_eq!(breaker.stats().window.total, 0, "forgotten after 30 s");
}

/// [S19] a count window judges exactly the last N outcomes.
#[tokio::test(start_paused = true)]
async fn rate_over_the_last_calls() {
    let breaker =
        plain().window(Window::count(10)).failure_rate(0.5).consecutive_failures(None).build().unwrap();
    succeed(&breaker, 1_000);
    fail(&breaker, 4);
    assert!(breaker.state().is_closed());
    fail(&breaker, 1);
    let rule = refused(&breaker).trip().unwrap().reason;
    assert!(matches!(rule, TripReason::Rate { failed: 5, calls: 10, .. }), "{rule:?}");
}

/// [S19] a rate of slow calls opens the circuit, though all of them succeed; a call exactly at the limit is not slow.
#[tokio::test(start_paused = true)]
async fn rate_of_slow_calls() {
    let breaker = plain().window(Window::count(4)).slow_call(ms(100)).build().unwrap();
    for (took, open) in [(100, false), (100, false), (101, false), (101, true)] {
        let permit = admit(&breaker);
        sleep(ms(took)).await;
        permit.success();
        assert_eq!(breaker.state().is_open(), open);
    }
    let rejection = refused(&breaker);
    assert!(matches!(rejection.trip().unwrap().reason, TripReason::SlowRate { slow: 2, calls: 4, .. }));
    assert!(rejection.cause().is_none(), "nothing failed");
}

/// [S19] only what was asked for is judged: a plain streak, no rate.
#[tokio::test(start_paused = true)]
async fn consecutive() {
    let breaker = plain().window(Window::consecutive(3)).build().unwrap();
    for _ in 0..100 {
        fail(&breaker, 2);
        succeed(&breaker, 1);
    }
    assert!(breaker.state().is_closed());
    fail(&breaker, 3);
    assert!(breaker.state().is_open());
}

/// [S20] neutral outcomes neither count nor break a streak.
#[tokio::test(start_paused = true)]
async fn neutral_changes_nothing() {
    let breaker = plain().build().unwrap();
    fail(&breaker, 4);
    let before = breaker.stats().window;
    admit(&breaker).neutral();
    admit(&breaker).failure(Kind::Cancelled);
    assert_eq!(breaker.stats().window, before);
    fail(&breaker, 1);
    assert!(breaker.state().is_open());
}

/// [S20] an answer that blames the caller is a success, and breaks a streak.
#[tokio::test(start_paused = true)]
async fn not_found_is_an_answer() {
    let breaker = plain().build().unwrap();
    let script = [Kind::Unavailable; 4].into_iter().chain([Kind::NotFound, Kind::Unavailable]);
    let inner = script.fold(Strict::new(), |inner, kind| inner.then(Step::fail(kind)));
    let mut service = service(&breaker, inner);
    for _ in 0..6 {
        call(&mut service).await.unwrap_err();
    }
    assert!(breaker.state().is_closed());
    assert_eq!(breaker.stats().succeeded, 1);
}

/// [S20] a throttle counts in the total, not as failed, and in a counter of its own whose rule is off.
#[tokio::test(start_paused = true)]
async fn throttles_count_apart() {
    let breaker = plain().build().unwrap();
    (0..100).for_each(|_| admit(&breaker).failure(Kind::Throttled));
    assert!(breaker.state().is_closed());
    let window = breaker.stats().window;
    assert_eq!((window.total, window.failed, window.throttled), (100, 0, 100));
}

/// [S20] the rule for throttles, where it is asked for.
#[tokio::test(start_paused = true)]
async fn throttle_rule() {
    let breaker = plain().trip_when(TripRule::throttle_rate(0.5)).build().unwrap();
    succeed(&breaker, 10);
    (0..10).for_each(|_| admit(&breaker).failure(Kind::Throttled));
    let rejection = refused(&breaker);
    assert!(matches!(
        rejection.trip().unwrap().reason,
        TripReason::ThrottleRate { throttled: 10, calls: 20, .. }
    ));
    assert_eq!(rejection.cause().unwrap().kind, Kind::Throttled);
}

/// [S20] the classifier decides: here over replies that pass statuses through.
#[tokio::test(start_paused = true)]
async fn the_classifier_decides() {
    async fn status(_: ()) -> Result<u16, TestError> {
        Ok(503)
    }
    let layer = BreakerLayer::new("db").classify_with(|reply: &Result<u16, TestError>| match reply {
        Ok(500..) => Verdict::failure(Kind::Unavailable),
        _ => Verdict::success(),
    });
    let mut service = layer.layer(service_fn(status));
    for _ in 0..5 {
        assert_eq!(service.ready().await.unwrap().call(()).await.unwrap(), 503);
    }
    assert!(service.ready().await.unwrap().call(()).await.is_err());
}

/// [S7] refusals, of this or another breaker, are never counted as failures.
#[tokio::test(start_paused = true)]
async fn rejections_count_for_nothing() {
    let inner = Breaker::new("inner");
    inner.force_open();
    let outer = Breaker::new("outer");
    for _ in 0..100 {
        let nested = outer.call(|| inner.call(async || Ok::<(), TestError>(()))).await;
        assert_eq!(nested.unwrap_err().rejection().unwrap().layer(), "inner");
    }
    assert!(outer.state().is_closed());
    assert_eq!((outer.stats().window.total, outer.stats().neutral), (0, 100));
}

/// [S7] a refusal names the layer, the rule with its numbers, when to come back, and the last real failure: its kind
/// and reason, and the error itself as the source.
#[tokio::test(start_paused = true)]
async fn a_refusal_says_why() {
    async fn down() -> Result<(), Error> {
        Err(Error::new(Class::new(Kind::Unavailable).reason("DB_DOWN"), "no route to database"))
    }
    let breaker = plain().minimum_calls(4).build().unwrap();
    succeed(&breaker, 2);
    for _ in 0..2 {
        breaker.call(down).await.unwrap_err();
    }
    sleep(ms(3_200)).await;
    let rejection = refused(&breaker);
    assert_eq!(rejection.reason(), RejectionReason::CircuitOpen);
    assert_eq!(rejection.retry_after(), Some(ms(1_800)));
    assert_eq!(
        rejection.to_string(),
        "db: circuit open for 3.2s (2 of 4 failed, threshold 50 %, window 30s), retry after 1.8s, \
         last failure: unavailable (DB_DOWN)"
    );
    assert_eq!(rejection.source().unwrap().to_string(), "no route to database");
}

/// [S7] kind and reason of the failure, where the error itself can't be kept.
#[tokio::test(start_paused = true)]
async fn a_refusal_names_the_kind() {
    let breaker = plain().build().unwrap();
    (0..5).for_each(|_| admit(&breaker).failure(Class::new(Kind::DataLoss).reason("CHECKSUM")));
    let rejection = refused(&breaker);
    let cause = rejection.cause().unwrap();
    assert_eq!((cause.kind, cause.reason), (Kind::DataLoss, Some("CHECKSUM")));
    assert!(rejection.source().is_none());
}

/// [S21] the first wait is 5 s within ± 20 %; the first call after it makes the circuit half-open, no timer does.
#[tokio::test(start_paused = true)]
async fn open_for_five_seconds() {
    for _ in 0..50 {
        let breaker = Breaker::new("db");
        trip(&breaker);
        let wait = refused(&breaker).retry_after().unwrap();
        assert!((secs(4)..=secs(6)).contains(&wait), "{wait:?}");
        sleep(wait - ms(1)).await;
        refused(&breaker);
        sleep(ms(1)).await;
        assert_eq!(breaker.state(), State::Open);
        admit(&breaker).neutral();
        assert_eq!(breaker.state(), State::HalfOpen);
    }
}

/// [S21] the wait doubles with each failed round, up to 60 s, and starts again after a healthy period.
#[tokio::test(start_paused = true)]
async fn the_wait_doubles() {
    let breaker = plain().build().unwrap();
    trip(&breaker);
    for wait in [5, 10, 20, 40, 60, 60] {
        assert_eq!(refused(&breaker).retry_after(), Some(secs(wait)));
        sleep(secs(wait)).await;
        fail(&breaker, 1);
    }
    sleep(secs(60)).await;
    succeed(&breaker, 3);
    sleep(ms(59_999)).await;
    trip(&breaker);
    assert_eq!(refused(&breaker).retry_after(), Some(secs(60)), "not healthy for long enough");
    sleep(secs(60)).await;
    succeed(&breaker, 3);
    sleep(secs(60)).await;
    trip(&breaker);
    assert_eq!(refused(&breaker).retry_after(), Some(secs(5)));
}

/// [S21] the dependency's Retry-After is waited for, cut at 60 s, and never shortens the wait.
#[tokio::test(start_paused = true)]
async fn the_dependency_asks_for_time() {
    for (asked, waited) in [(1, 5), (30, 30), (3_600, 60)] {
        let breaker = plain().build().unwrap();
        fail(&breaker, 4);
        admit(&breaker).failure(Class::new(Kind::Unavailable).retry_after(secs(asked)));
        assert_eq!(refused(&breaker).retry_after(), Some(secs(waited)));
    }
    let breaker = plain().open_wait(support::exactly(secs(5)).max_retry_after(secs(7))).build().unwrap();
    probe(&breaker).await.failure(Class::new(Kind::Throttled).retry_after(secs(600)));
    assert_eq!(refused(&breaker).retry_after(), Some(secs(10)), "the second wait is longer than 7 s");
}

/// [S21] a wait that begins with a success begins when the success came, not when its call was admitted.
#[tokio::test(start_paused = true)]
async fn a_success_may_open() {
    let breaker = plain().window(Window::count(2)).failure_rate(0.5).build().unwrap();
    let permit = admit(&breaker);
    fail(&breaker, 1);
    sleep(secs(4)).await;
    permit.success();
    assert_eq!(refused(&breaker).retry_after(), Some(secs(5)));
}

/// [S21] 50 circuits whose dependency sends Retry-After open for at least that long, and not until the same moment.
#[tokio::test(start_paused = true)]
async fn fifty_breakers_do_not_come_back_at_once() {
    for (asked, most) in [(30, 35), (6, 11), (60, 66), (3_600, 66)] {
        let mut waits: Vec<_> = (0..50)
            .map(|_| {
                let breaker = Breaker::new("db");
                fail(&breaker, 4);
                admit(&breaker).failure(Class::new(Kind::Throttled).retry_after(secs(asked)));
                trip(&breaker);
                refused(&breaker).retry_after().unwrap()
            })
            .collect();
        waits.sort_unstable();
        let (first, last) = (waits[0], waits[49]);
        assert!(first >= secs(asked.min(60)) && last <= secs(most), "{asked} s: {first:?} to {last:?}");
        assert!(last - first > secs(1), "{asked} s: {first:?} to {last:?}");
    }
}

/// [S21] the failure of a probe, too, asks for a wait that is a minimum.
#[tokio::test(start_paused = true)]
async fn a_probe_is_asked_to_wait() {
    let breaker = Breaker::builder("db").probes(1).build().unwrap();
    trip(&breaker);
    sleep(secs(6)).await;
    admit(&breaker).failure(Class::new(Kind::Throttled).retry_after(secs(50)));
    let wait = refused(&breaker).retry_after().unwrap();
    assert!((secs(50)..secs(55)).contains(&wait), "{wait:?}");
}

/// [S5] all time is tokio's: under a paused clock the circuit opens, waits and recovers.
#[tokio::test(start_paused = true)]
async fn a_whole_cycle() {
    let breaker = plain().build().unwrap();
    let down = (0..5).fold(Strict::new(), |inner, _| inner.then(Step::fail(Kind::Unavailable).after(HOLD)));
    let mut service = service(&breaker, down.clone());
    for _ in 0..5 {
        call(&mut service).await.unwrap_err();
    }
    assert_eq!(call(&mut service).await.unwrap_err().kind(), Kind::Rejected);
    assert_eq!(down.calls(), 5);
    tokio::time::sleep(secs(6)).await;
    for _ in 0..3 {
        assert_eq!(call(&mut service).await.unwrap(), 7);
    }
    assert_eq!(breaker.state(), State::Closed);
    assert_eq!(breaker.stats().window.total, 0, "it begins with an empty window");
}

/// [S26] a permit is judged by the table: every kind counts as its row says, in the tower call and by hand.
#[tokio::test(start_paused = true)]
async fn judged_by_the_table() {
    for kind in Kind::ALL {
        let breaker = plain().build().unwrap();
        admit(&breaker).failure(kind);
        let mut service = service(&breaker, Strict::new().then(Step::fail(kind)));
        call(&mut service).await.unwrap_err();
        let stats = breaker.stats();
        let counted = (stats.failed, stats.throttled, stats.succeeded, stats.neutral);
        let expected = match (kind.breaker(), kind.delivery()) {
            (buttress_error::BreakerEffect::Failure, _) => (2, 0, 0, 0),
            (buttress_error::BreakerEffect::Throttle, _) => (0, 2, 0, 0),
            (_, Delivery::Processed) => (0, 0, 2, 0),
            _ => (0, 0, 0, 2),
        };
        assert_eq!(counted, expected, "{kind}");
    }
}

/// [S26] `admit` refuses like a layer does.
#[tokio::test(start_paused = true)]
async fn admit_refuses() {
    let breaker = plain().build().unwrap();
    trip(&breaker);
    let rejection: Rejection = refused(&breaker);
    assert_eq!(rejection.layer(), "db");
    assert_eq!(breaker.stats().rejected, 1);
}
