//! Rules as values: several at once, each with its own window, the first that is broken opens.

mod support;

use buttress_breaker::{Breaker, BreakerBuilder, RateRule, SlowCall, State, TripRule, Window};
use buttress_error::{Kind, TripReason};
use buttress_test::{Step, Strict, TestError};
use support::{admit, call, fail, ms, plain, refused, secs, service, sleep, succeed, trip};

/// A circuit with no rule of the setters.
fn bare() -> BreakerBuilder {
    plain().failure_rate(None).consecutive_failures(None)
}

fn rule(breaker: &Breaker) -> TripReason {
    refused(breaker).trip().expect("it opened by a rule").reason
}

/// [S19] a time window and a count window at once: whichever rate is reached first opens, and is named.
#[tokio::test(start_paused = true)]
async fn a_time_and_a_count_window() {
    let build = || {
        let builder = bare()
            .trip_when(TripRule::failure_rate(0.5).over(Window::time(secs(10))).minimum_calls(20))
            .trip_when(TripRule::failure_rate(0.9).over(Window::count(10)));
        builder.build().unwrap()
    };
    let spread = build();
    for _ in 0..10 {
        assert!(spread.state().is_closed());
        succeed(&spread, 1);
        fail(&spread, 1);
    }
    assert_eq!(
        rule(&spread),
        TripReason::Rate { failed: 10, calls: 20, threshold: 0.5, window: Some(secs(10)) }
    );

    let burst = build();
    succeed(&burst, 1_000);
    fail(&burst, 9);
    assert_eq!(rule(&burst), TripReason::Rate { failed: 9, calls: 10, threshold: 0.9, window: None });

    let slow = build();
    for _ in 0..100 {
        succeed(&slow, 3);
        fail(&slow, 6);
        sleep(secs(10)).await;
    }
    assert!(slow.state().is_closed(), "the time window forgets, the count window sees two in three");
}

/// [S19] the setters' rules go on beside the others.
#[tokio::test(start_paused = true)]
async fn beside_the_setters() {
    let build = || plain().trip_when(TripRule::failure_rate(0.1).over(Window::count(100)).minimum_calls(100));
    let breaker = build().build().unwrap();
    trip(&breaker);
    assert_eq!(rule(&breaker), TripReason::Streak { failures: 5 });
    let breaker = build().build().unwrap();
    for _ in 0..10 {
        succeed(&breaker, 9);
        fail(&breaker, 1);
    }
    assert_eq!(rule(&breaker), TripReason::Rate { failed: 10, calls: 100, threshold: 0.1, window: None });
}

/// [S19] a streak as a rule counts whatever the number of calls.
#[tokio::test(start_paused = true)]
async fn failures_in_a_row() {
    let breaker =
        plain().consecutive_failures(None).trip_when(TripRule::failures_in_a_row(50)).build().unwrap();
    succeed(&breaker, 1_000);
    fail(&breaker, 49);
    succeed(&breaker, 1);
    fail(&breaker, 49);
    assert!(breaker.state().is_closed());
    fail(&breaker, 1);
    assert_eq!(rule(&breaker), TripReason::Streak { failures: 50 });
}

/// [S19] slow calls and throttles as rules, over windows of their own.
#[tokio::test(start_paused = true)]
async fn slow_calls_and_throttles() {
    let builder = || {
        bare()
            .slow_call(SlowCall::longer_than(ms(100)).rate(None))
            .trip_when(TripRule::slow_rate(0.5).over(Window::count(4)))
            .trip_when(TripRule::throttle_rate(0.75).over(Window::count(8)))
    };
    let breaker = builder().build().unwrap();
    for took in [0, 0, 101, 101] {
        assert!(breaker.state().is_closed());
        let permit = admit(&breaker);
        sleep(ms(took)).await;
        permit.success();
    }
    assert_eq!(rule(&breaker), TripReason::SlowRate { slow: 2, calls: 4, threshold: 0.5, window: None });
    let breaker = builder().build().unwrap();
    succeed(&breaker, 2);
    (0..6).for_each(|_| admit(&breaker).failure(Kind::Throttled));
    assert_eq!(
        rule(&breaker),
        TripReason::ThrottleRate { throttled: 6, calls: 8, threshold: 0.75, window: None }
    );
}

/// [S19] a success that makes up the minimum of any rule opens, though successes are counted without the lock.
#[tokio::test(start_paused = true)]
async fn a_success_may_break_any_rule() {
    let builder = bare()
        .trip_when(TripRule::failure_rate(0.9).over(Window::count(10)))
        .trip_when(TripRule::failure_rate(0.2).over(Window::time(secs(10))).minimum_calls(100));
    let breaker = builder.build().unwrap();
    succeed(&breaker, 50);
    for _ in 0..10 {
        succeed(&breaker, 1);
        fail(&breaker, 2);
    }
    succeed(&breaker, 19);
    assert!(breaker.state().is_closed());
    succeed(&breaker, 1);
    assert_eq!(
        rule(&breaker),
        TripReason::Rate { failed: 20, calls: 100, threshold: 0.2, window: Some(secs(10)) }
    );
}

/// [S19] of several broken rules a refusal names the first: those of the setters, then the others in their order.
#[tokio::test(start_paused = true)]
async fn the_first_rule_is_named() {
    let streak = || TripRule::failures_in_a_row(3);
    let rate = || TripRule::failure_rate(1.0).over(Window::count(3));
    let breaker = bare().trip_when(streak()).trip_when(rate()).build().unwrap();
    fail(&breaker, 3);
    assert_eq!(rule(&breaker).as_str(), "streak");
    let breaker = bare().trip_when(rate()).trip_when(streak()).build().unwrap();
    fail(&breaker, 3);
    assert_eq!(rule(&breaker).as_str(), "rate");
    let breaker = bare().failure_rate(0.6).minimum_calls(3).trip_when(rate()).build().unwrap();
    fail(&breaker, 3);
    assert!(matches!(rule(&breaker), TripReason::Rate { threshold: 0.6, .. }));
}

/// [S19] a hang is seen while it lasts: a call in flight for longer than an age opens the circuit, at the next admission,
/// and says so; the hung call comes late.
#[tokio::test(start_paused = true)]
async fn a_stuck_call_opens() {
    let breaker = plain().trip_when(TripRule::stuck(1, secs(30))).build().unwrap();
    let hung = admit(&breaker);
    sleep(secs(30)).await;
    admit(&breaker).neutral();
    sleep(ms(1)).await;
    assert!(breaker.state().is_closed(), "no timer looks");
    let rejection = refused(&breaker);
    assert_eq!(rejection.retry_after(), Some(secs(5)));
    assert_eq!(rejection.trip().unwrap().reason, TripReason::Stuck { calls: 1, age: secs(30) });
    assert!(rejection.to_string().contains("(1 call in flight for longer than 30s)"), "{rejection}");
    hung.success();
    let stats = breaker.stats();
    assert_eq!((breaker.state(), stats.late, stats.in_flight()), (State::Open, 1, 0));
    sleep(secs(5)).await;
    succeed(&breaker, 3);
    assert!(breaker.state().is_closed());
    sleep(secs(100)).await;
    succeed(&breaker, 1);
}

/// [S19] the age is looked at when a call ends, too; a call that has ended, however late, is not stuck.
#[tokio::test(start_paused = true)]
async fn a_settlement_looks_at_the_age() {
    let breaker = plain().trip_when(TripRule::stuck(2, secs(30))).build().unwrap();
    let (one, two, three) = (admit(&breaker), admit(&breaker), admit(&breaker));
    sleep(secs(31)).await;
    assert!(breaker.state().is_closed());
    one.success();
    assert!(breaker.state().is_open(), "two are still in flight");
    drop((two, three));

    let breaker = plain().trip_when(TripRule::stuck(2, secs(30))).build().unwrap();
    let (one, two) = (admit(&breaker), admit(&breaker));
    sleep(secs(31)).await;
    one.success();
    succeed(&breaker, 1);
    assert!(breaker.state().is_closed(), "one is in flight");
    two.success();
    let stats = breaker.stats();
    assert_eq!((stats.succeeded, stats.in_flight(), stats.window.total), (3, 0, 3));
}

/// [S19] several ages, beside other rules, through the layer and a blocking call; a dropped call is no longer in flight.
#[tokio::test(start_paused = true)]
async fn ages_by_every_way() {
    let builder = plain().trip_when(TripRule::stuck(3, secs(1))).trip_when(TripRule::stuck(1, secs(60)));
    let breaker = builder.build().unwrap();
    let hang = || {
        let mut service = service(&breaker, Strict::new().then(Step::never()));
        tokio::spawn(async move { call(&mut service).await })
    };
    let tasks = [hang(), hang()];
    tokio::task::yield_now().await;
    sleep(secs(2)).await;
    let blocking = || breaker.call_blocking(|| Ok::<_, TestError>(1));
    blocking().unwrap();
    let third = hang();
    tokio::task::yield_now().await;
    sleep(ms(1_001)).await;
    assert_eq!(blocking().unwrap_err().kind(), Kind::Rejected);
    assert_eq!(rule(&breaker), TripReason::Stuck { calls: 3, age: secs(1) });
    assert_eq!(rule(&breaker).to_string(), "3 calls in flight for longer than 1s");
    tasks.into_iter().chain([third]).for_each(|task| task.abort());
    tokio::task::yield_now().await;
    breaker.reset();
    let hung = hang();
    tokio::task::yield_now().await;
    sleep(secs(60)).await;
    blocking().unwrap();
    hung.abort();
    assert!(hung.await.unwrap_err().is_cancelled());
    sleep(secs(60)).await;
    blocking().unwrap();
    assert_eq!(breaker.stats().in_flight(), 0);
}

/// [S19] [S25] a disabled circuit never opens by age, and a call from before a reset is not of the new epoch.
#[tokio::test(start_paused = true)]
async fn ages_and_orders() {
    let breaker = plain().trip_when(TripRule::stuck(1, secs(1))).build().unwrap();
    let old = admit(&breaker);
    breaker.disable();
    let _young = admit(&breaker);
    sleep(secs(2)).await;
    succeed(&breaker, 1);
    breaker.release();
    succeed(&breaker, 1);
    assert!(breaker.state().is_closed(), "both are of an earlier epoch");
    old.success();
    assert_eq!(breaker.stats().late, 1);
}

/// [S8] bad rules are refused at build.
#[tokio::test]
async fn bad_rules() {
    let rate = "a rate above 0.0 and at most 1.0";
    let minimum = "at least 1 and at most the calls of a count window";
    let bad: [(TripRule, &str, &str); 16] = [
        (TripRule::failure_rate(0.0).into(), "rate", rate),
        (TripRule::failure_rate(f64::NAN).into(), "rate", rate),
        (TripRule::throttle_rate(1.1).into(), "rate", rate),
        (TripRule::failure_rate(0.5).minimum_calls(0).into(), "minimum_calls", minimum),
        (
            TripRule::failure_rate(0.5).over(Window::count(5)).minimum_calls(6).into(),
            "minimum_calls",
            minimum,
        ),
        (
            TripRule::failure_rate(0.5).over(Window::count(0)).into(),
            "window",
            "a window of 1..=1000000 calls",
        ),
        (
            TripRule::failure_rate(0.5).over(Window::consecutive(5)).into(),
            "window",
            "a time or a number of calls where a rate is judged",
        ),
        (TripRule::evidence(0.0).into(), "rate", rate),
        (TripRule::evidence(1.01).into(), "rate", rate),
        (TripRule::failures_within(0, secs(1)), "failures_within", "1..=1000000 failures"),
        (TripRule::failures_within(1_000_001, secs(1)), "failures_within", "1..=1000000 failures"),
        (TripRule::failures_within(1, secs(0)), "failures_within", "longer than zero"),
        (TripRule::failures_in_a_row(0), "failures_in_a_row", "at least 1"),
        (TripRule::stuck(0, secs(1)), "stuck", "at least 1 call"),
        (TripRule::stuck(1, secs(0)), "stuck", "longer than zero"),
        (TripRule::slow_rate(0.5).into(), "slow_rate", "used with a slow_call"),
    ];
    for (rule, setting, range) in bad {
        let error = plain().trip_when(rule).build().unwrap_err();
        assert_eq!((error.setting(), error.range()), (setting, range));
    }
}

/// [S7] [S19] a number of failures within a window opens the circuit, whatever the number of successes, and the rejection names the rule; the window slides
/// exactly, and throttled and neutral calls don't count.
#[tokio::test(start_paused = true)]
async fn failures_within_a_time() {
    let build = || bare().trip_when(TripRule::failures_within(3, secs(10))).build().unwrap();
    let busy = build();
    for _ in 0..3 {
        assert!(busy.state().is_closed());
        sleep(secs(5)).await;
        succeed(&busy, 1_000);
        fail(&busy, 1);
    }
    assert_eq!(
        rule(&busy),
        TripReason::FailuresWithin { failures: 3, window: secs(10) },
        "at 5, 10 and 15 s"
    );
    let text = refused(&busy).to_string();
    assert!(text.starts_with("db: circuit open for 0.0ns (3 failures within 10s)"), "{text}");

    let slow = build();
    for _ in 0..20 {
        fail(&slow, 1);
        admit(&slow).failure(Kind::Throttled);
        admit(&slow).neutral();
        sleep(ms(5_001)).await;
    }
    assert!(slow.state().is_closed(), "never three within 10 s");
    fail(&slow, 1);
    assert!(slow.state().is_closed());
    fail(&slow, 1);
    assert!(slow.state().is_open());

    let one = bare().trip_when(TripRule::failures_within(1, ms(1))).build().unwrap();
    fail(&one, 1);
    assert_eq!(rule(&one).to_string(), "1 failure");
}

/// [S19] [S25] a reset and a recovery forget the failures of before.
#[tokio::test(start_paused = true)]
async fn failures_within_a_time_are_forgotten_with_the_window() {
    let breaker = bare().trip_when(TripRule::failures_within(3, secs(600))).build().unwrap();
    fail(&breaker, 2);
    breaker.reset();
    fail(&breaker, 2);
    assert!(breaker.state().is_closed());
    fail(&breaker, 1);
    assert!(breaker.state().is_open());
    sleep(secs(5)).await;
    succeed(&breaker, 3);
    fail(&breaker, 2);
    assert!(breaker.state().is_closed());
}

/// [S19] rules are values and combine: any of them is enough, in whatever way they were put together.
#[tokio::test(start_paused = true)]
async fn rules_combine() {
    let evidence = || TripRule::evidence(0.5).over(Window::count(100));
    let streak = || TripRule::failures_in_a_row(4);
    let burst = || TripRule::failures_within(3, ms(10));
    for rules in [
        evidence().or(streak()).or(burst()),
        burst().or(evidence().or(streak())),
        streak().or(burst()).or(evidence()),
    ] {
        let build = || bare().trip_when(rules.clone()).build().unwrap();
        let breaker = build();
        fail(&breaker, 3);
        assert_eq!(rule(&breaker).as_str(), "failures_within");
        let breaker = build();
        for _ in 0..4 {
            fail(&breaker, 1);
            sleep(ms(11)).await;
        }
        assert_eq!(rule(&breaker).as_str(), "streak");
        let breaker = build();
        while breaker.state().is_closed() {
            fail(&breaker, 2);
            sleep(ms(11)).await;
            if breaker.state().is_closed() {
                succeed(&breaker, 1);
            }
        }
        assert_eq!(rule(&breaker).as_str(), "rate");
    }
}

/// [S19] the evidence of a low rate, and of one over a count window that is too small for any but all calls.
#[tokio::test(start_paused = true)]
async fn evidence_of_other_rates() {
    let build = |rule: RateRule| bare().trip_when(rule).build().unwrap();
    let low = build(TripRule::evidence(0.1));
    succeed(&low, 84);
    fail(&low, 16);
    assert_eq!(
        rule(&low),
        TripReason::Rate { failed: 16, calls: 100, threshold: 0.1, window: Some(secs(30)) }
    );
    let low = build(TripRule::evidence(0.1));
    succeed(&low, 84);
    fail(&low, 15);
    succeed(&low, 1_000);
    assert!(low.state().is_closed());

    let small = build(TripRule::evidence(0.5).over(Window::count(3)));
    succeed(&small, 100);
    fail(&small, 2);
    assert!(small.state().is_closed());
    fail(&small, 1);
    assert_eq!(rule(&small), TripReason::Rate { failed: 3, calls: 3, threshold: 0.5, window: None });

    let most = build(TripRule::evidence(1.0));
    fail(&most, 4);
    assert!(most.state().is_closed(), "5 calls at least");
    fail(&most, 1);
    assert!(most.state().is_open());

    let many = build(TripRule::evidence(0.5).minimum_calls(30));
    fail(&many, 29);
    assert!(many.state().is_closed());
    fail(&many, 1);
    assert!(many.state().is_open());
}

/// [S19] a success that makes up the minimum shows the evidence, too.
#[tokio::test(start_paused = true)]
async fn a_success_may_show_the_evidence() {
    let breaker = bare().trip_when(TripRule::evidence(0.1)).build().unwrap();
    fail(&breaker, 4);
    assert!(breaker.state().is_closed());
    succeed(&breaker, 1);
    assert_eq!(
        rule(&breaker),
        TripReason::Rate { failed: 4, calls: 5, threshold: 0.1, window: Some(secs(30)) }
    );
}

/// [S7] [S19] a refusal says how many calls hang, not how many it takes.
#[tokio::test(start_paused = true)]
async fn the_number_of_stuck_calls() {
    let breaker = plain().trip_when(TripRule::stuck(2, secs(10))).build().unwrap();
    let _hung: Vec<_> = (0..50).map(|_| admit(&breaker)).collect();
    sleep(secs(11)).await;
    assert_eq!(refused(&breaker).trip().unwrap().reason, TripReason::Stuck { calls: 50, age: secs(10) });
}
