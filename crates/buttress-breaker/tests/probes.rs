//! The half-open circuit.

mod support;

use buttress_breaker::{Breaker, Permit, Probes, State, Window};
use buttress_error::{Class, Kind, RejectionReason, TripReason};
use support::{admit, defaults, fail, ms, plain, probe, refused, secs, sleep, succeed, trip};

/// [S22] a round admits three probes in all and refuses the rest, saying why.
#[tokio::test(start_paused = true)]
async fn three_in_all() {
    let breaker = plain().build().unwrap();
    let first = probe(&breaker).await;
    let (second, third) = (admit(&breaker), admit(&breaker));
    let rejection = refused(&breaker);
    assert_eq!(rejection.reason(), RejectionReason::ProbesTaken);
    assert!(matches!(rejection.trip().unwrap().reason, TripReason::Streak { .. }), "why it had opened");
    first.success();
    refused(&breaker);
    second.success();
    assert_eq!(breaker.state(), State::HalfOpen);
    third.success();
    assert_eq!(breaker.state(), State::Closed);
}

/// [S22] it reopens at the first failure that makes closing impossible, and the other probes are late.
#[tokio::test(start_paused = true)]
async fn it_reopens_at_the_failure_that_decides() {
    let breaker = defaults().build().unwrap();
    let first = probe(&breaker).await;
    fail(&breaker, 1);
    assert_eq!(breaker.state(), State::HalfOpen, "two of three may still succeed");
    fail(&breaker, 1);
    assert_eq!(breaker.state(), State::Open);
    first.success();
    assert_eq!(breaker.state(), State::Open);
    assert_eq!(breaker.stats().late, 1);
    assert_eq!(refused(&breaker).trip().unwrap().reason, probes([2, 0, 0, 0], 3));
}

/// [S22] by default two of three probes close the circuit.
#[tokio::test(start_paused = true)]
async fn two_of_three() {
    let breaker = defaults().build().unwrap();
    probe(&breaker).await.failure(Kind::Unavailable);
    succeed(&breaker, 1);
    assert_eq!(breaker.state(), State::HalfOpen);
    succeed(&breaker, 1);
    assert_eq!(breaker.state(), State::Closed);
    let breaker = defaults().build().unwrap();
    probe(&breaker).await.failure(Kind::Unavailable);
    fail(&breaker, 1);
    assert_eq!(breaker.state(), State::Open);
}

/// [S22] the circuit closes when the failed share of the round is below the threshold, the default one or the
/// user's; a number of probes that the user gives is meant exactly.
#[tokio::test(start_paused = true)]
async fn the_share_of_the_probes_decides() {
    let rounds = [
        (defaults().probes(1), 1),
        (defaults().probes(2), 2),
        (defaults().probes(4), 3),
        (defaults().probes(5), 3),
        (defaults().probes(10).failure_rate(0.1), 10),
        (defaults().probes(10).failure_rate(0.3), 8),
        (defaults().failure_rate(1.0), 1),
        (defaults().failure_rate(None).consecutive_failures(5), 2),
        (defaults().window(Window::consecutive(5)), 2),
        (defaults().failure_rate(0.9).probes(Probes::new(3).to_close(3)), 3),
    ];
    for (builder, needed) in rounds {
        let builder = builder.consecutive_failures(5);
        let explained = builder.clone().build().unwrap().explain().to_string();
        assert!(explained.contains(&format!("closes at      {needed} of ")), "{explained}");
        for succeeding in [needed - 1, needed] {
            let breaker = builder.clone().build().unwrap();
            trip(&breaker);
            sleep(secs(5)).await;
            succeed(&breaker, succeeding);
            while breaker.state().is_half_open() || breaker.state().is_open() && breaker.admit().is_ok() {
                fail(&breaker, 1);
            }
            assert_eq!(breaker.state().is_closed(), succeeding == needed, "{succeeding} of {needed}");
        }
    }
}

/// [S22] a probe that times out has failed and its slot is free, so the circuit is not stuck. It reopens, counts the wait from
/// the timeout, and recovers.
#[tokio::test(start_paused = true)]
async fn a_hung_probe_does_not_wedge() {
    let breaker = plain().build().unwrap();
    let hung = probe(&breaker).await;
    sleep(ms(9_999)).await;
    assert_eq!(breaker.state(), State::HalfOpen);
    admit(&breaker).neutral();
    sleep(ms(1)).await;
    assert_eq!(refused(&breaker).retry_after(), Some(secs(10)), "10 s is the second wait");
    assert_eq!(breaker.state(), State::Open);
    assert_eq!(refused(&breaker).cause().unwrap().kind, Kind::Timeout);
    sleep(secs(10)).await;
    succeed(&breaker, 3);
    assert_eq!(breaker.state(), State::Closed);
    hung.failure(Kind::Unavailable);
    assert_eq!((breaker.stats().late, breaker.stats().expired), (1, 1));
    assert_eq!(breaker.stats().window.total, 0);
}

/// [S22] where a round can still close without it, the slot of a hung probe is free for no more than the round has.
#[tokio::test(start_paused = true)]
async fn a_timeout_frees_the_slot() {
    let breaker = plain().probes(Probes::new(2).to_close(1)).build().unwrap();
    let hung = [probe(&breaker).await, admit(&breaker)];
    assert_eq!(refused(&breaker).retry_after(), Some(secs(10)));
    sleep(secs(4)).await;
    assert_eq!(refused(&breaker).retry_after(), Some(secs(6)));
    let [one, two] = hung;
    one.neutral();
    let third = admit(&breaker);
    sleep(secs(6)).await;
    assert_eq!(refused(&breaker).reason(), RejectionReason::ProbesTaken, "one failed, one in flight");
    two.success();
    assert_eq!(breaker.state(), State::HalfOpen, "it is late: it had failed");
    third.success();
    assert_eq!(breaker.state(), State::Closed);
}

/// [S22] a quiet circuit whose probe hung probes again at the next call: the wait is long over by then.
#[tokio::test(start_paused = true)]
async fn a_quiet_circuit_probes_at_the_next_call() {
    let breaker = plain().build().unwrap();
    let _hung = probe(&breaker).await;
    sleep(secs(60)).await;
    succeed(&breaker, 3);
    assert_eq!(breaker.state(), State::Closed);
    assert_eq!(breaker.stats().rejected, 0);
}

/// [S22] a result exactly at the timeout counts.
#[tokio::test(start_paused = true)]
async fn a_result_at_the_timeout_counts() {
    let breaker = defaults().probes(1).build().unwrap();
    let permit = probe(&breaker).await;
    sleep(secs(10)).await;
    permit.success();
    assert_eq!(breaker.state(), State::Closed);
}

/// [S22] a slow probe is a failure where slowness is watched, and a success where it is not.
#[tokio::test(start_paused = true)]
async fn a_slow_probe_failed() {
    for (builder, state) in [(defaults().slow_call(secs(1)), State::Open), (defaults(), State::Closed)] {
        let breaker = builder.probes(1).build().unwrap();
        let permit = probe(&breaker).await;
        sleep(ms(1_001)).await;
        permit.success();
        assert_eq!(breaker.state(), state);
    }
}

/// [S20] a neutral probe closes nothing, reopens nothing and gives its slot back.
#[tokio::test(start_paused = true)]
async fn a_neutral_probe_gives_its_slot_back() {
    let breaker = defaults().probes(1).build().unwrap();
    let mut permit = probe(&breaker).await;
    for _ in 0..10 {
        refused(&breaker);
        permit.neutral();
        assert_eq!(breaker.state(), State::HalfOpen);
        permit = admit(&breaker);
    }
}

/// [S1] an abandoned probe gives its slot back; one that had waited for long failed.
#[tokio::test(start_paused = true)]
async fn an_abandoned_probe_gives_its_slot_back() {
    let breaker = defaults().probes(1).build().unwrap();
    let permit = probe(&breaker).await;
    sleep(ms(999)).await;
    drop(permit);
    assert_eq!(breaker.state(), State::HalfOpen);
    let permit = admit(&breaker);
    sleep(ms(1_000)).await;
    drop(permit);
    assert_eq!(breaker.state(), State::Open);
}

/// [S20] a throttled probe failed.
#[tokio::test(start_paused = true)]
async fn a_throttled_probe_failed() {
    let breaker = defaults().probes(1).build().unwrap();
    probe(&breaker).await.failure(Class::new(Kind::Throttled));
    assert_eq!(breaker.state(), State::Open);
}

fn probes([failed, throttled, slow, expired]: [u32; 4], probes: u32) -> TripReason {
    TripReason::Probes { failed, throttled, slow, expired, probes }
}

/// [S7] [S22] a refusal after bad probes names what was bad about them.
#[tokio::test(start_paused = true)]
async fn a_refusal_names_what_was_bad_about_the_probes() {
    let build = || defaults().slow_call(secs(1)).build().unwrap();
    let slow = async |permit: Permit| {
        sleep(ms(1_001)).await;
        permit.success();
    };
    let reported = |breaker: &Breaker| {
        let rejection = refused(breaker);
        let text = rejection.to_string();
        let open =
            text.split_once(" (").and_then(|(_, rest)| rest.split_once("), ")).expect("a rule").0.to_owned();
        (rejection.trip().unwrap().reason, open)
    };

    let breaker = build();
    slow(probe(&breaker).await).await;
    slow(admit(&breaker)).await;
    assert_eq!(reported(&breaker), (probes([0, 0, 2, 0], 3), "2 of 3 probes were slow".into()));
    assert!(refused(&breaker).cause().is_none(), "nothing failed");

    let breaker = build();
    probe(&breaker).await.failure(Kind::Throttled);
    admit(&breaker).failure(Kind::Throttled);
    assert_eq!(reported(&breaker), (probes([0, 2, 0, 0], 3), "2 of 3 probes were throttled".into()));
    assert_eq!(refused(&breaker).cause().unwrap().kind, Kind::Throttled);

    let breaker = build();
    let hung = (probe(&breaker).await, admit(&breaker));
    sleep(secs(10)).await;
    assert_eq!(reported(&breaker), (probes([0, 0, 0, 2], 3), "2 of 3 probes timed out".into()));
    drop(hung);

    let breaker = build();
    let (first, second) = (probe(&breaker).await, admit(&breaker));
    sleep(secs(2)).await;
    first.failure(Kind::Unavailable);
    second.success();
    assert_eq!(
        reported(&breaker),
        (probes([1, 0, 1, 0], 3), "1 of 3 probes failed, 1 slow".into()),
        "failed and slow is failed"
    );
}

/// [S20] a probe that the dependency throttles fails, whatever kind the throttle has: also where a resource is exhausted,
/// as 507 and gRPC's RESOURCE_EXHAUSTED say; an exhausted resource that blames the caller does not.
#[tokio::test(start_paused = true)]
async fn an_exhausted_dependency_throttles_its_probe() {
    let exhausted = Class::new(Kind::ResourceExhausted);
    for (class, throttled) in [
        (Class::new(Kind::Throttled), true),
        (Class::new(Kind::Throttled).retry_after(secs(1)), true),
        (exhausted.breaker_effect(buttress_error::BreakerEffect::Throttle), true),
        (Class::of_http(507), true),
        (Class::of_grpc(8), true),
        (exhausted, false),
    ] {
        for builder in [defaults().probes(1), defaults().failure_rate(0.5).probes(Probes::new(1).by_rate())] {
            let breaker = builder.build().unwrap();
            probe(&breaker).await.failure(class);
            assert_eq!(breaker.state().is_open(), throttled, "{class:?}");
            if throttled {
                assert_eq!(refused(&breaker).trip().unwrap().reason, probes([0, 1, 0, 0], 1));
            }
        }
    }
}

/// [S23] results of an earlier epoch are counted as late, and change no state, window or slot.
#[tokio::test(start_paused = true)]
async fn late_results_change_nothing() {
    let breaker = plain().build().unwrap();
    let late: Vec<_> = (0..4).map(|_| admit(&breaker)).collect();
    let mut late = late.into_iter();
    let mut next = || late.next().unwrap();
    let first = probe(&breaker).await;
    next().failure(Kind::Unavailable);
    next().success();
    assert_eq!(breaker.state(), State::HalfOpen, "neither reopened nor nearer to closing");
    assert_eq!(breaker.stats().window.total, 0);
    let _second = (admit(&breaker), admit(&breaker));
    next().success();
    refused(&breaker);
    fail_and_recover(&breaker, first).await;
    next().failure(Kind::Unavailable);
    assert_eq!(breaker.stats().window.total, 0, "the window of the closed circuit");
    assert_eq!(breaker.stats().late, 4);
}

async fn fail_and_recover(breaker: &Breaker, probe: Permit) {
    probe.failure(Kind::Unavailable);
    sleep(secs(10)).await;
    succeed(breaker, 3);
    assert_eq!(breaker.state(), State::Closed);
}

/// [S22] [S23] a probe that ends after its timeout has failed, even if no call was made in between; one that ends with it is in
/// time.
#[tokio::test(start_paused = true)]
async fn a_probe_times_out_without_other_calls() {
    for (wait, state, late) in [(secs(10), State::Closed, 0), (secs(10) + ms(1), State::Open, 1)] {
        let breaker = defaults().probes(1).build().unwrap();
        let probe = probe(&breaker).await;
        sleep(wait).await;
        probe.success();
        assert_eq!((breaker.state(), breaker.stats().late), (state, late), "after {wait:?}");
        assert_eq!(breaker.stats().in_flight(), 0);
    }
}
