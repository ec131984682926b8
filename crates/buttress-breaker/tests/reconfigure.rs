//! New settings at run time.

mod support;

use buttress_breaker::{Breaker, Probes, State, TripRule, Window};
use buttress_error::TripReason;
use support::{admit, defaults, fail, ms, plain, probe, refused, secs, sleep, succeed, trip};

/// [S27] state, epoch, window and streak stay; the new threshold opens at the next result.
#[tokio::test(start_paused = true)]
async fn window_and_epoch_stay() {
    let breaker = plain().consecutive_failures(None).build().unwrap();
    succeed(&breaker, 14);
    fail(&breaker, 6);
    let in_flight = admit(&breaker);
    let before = breaker.stats();
    breaker.reconfigure(breaker.settings().failure_rate(0.25)).unwrap();
    assert_eq!((breaker.stats(), breaker.state()), (before, State::Closed));
    in_flight.success();
    let rule = refused(&breaker).trip().unwrap().reason;
    assert!(matches!(rule, TripReason::Rate { failed: 6, calls: 21, threshold: 0.25, .. }), "{rule:?}");
    assert_eq!(breaker.stats().late, 0, "the call in flight was of the same epoch");

    let breaker = plain().build().unwrap();
    fail(&breaker, 3);
    breaker.reconfigure(breaker.settings().consecutive_failures(4)).unwrap();
    fail(&breaker, 1);
    assert_eq!(refused(&breaker).trip().unwrap().reason, TripReason::Streak { failures: 4 });
}

/// [S27] a count window of another size begins with the last calls.
#[tokio::test(start_paused = true)]
async fn a_count_window_keeps_the_last_calls() {
    let breaker = plain().window(Window::count(10)).failure_rate(1.0).build().unwrap();
    succeed(&breaker, 8);
    fail(&breaker, 3);
    succeed(&breaker, 1);
    breaker.reconfigure(breaker.settings().window(Window::count(3))).unwrap();
    let window = breaker.stats().window;
    assert_eq!((window.total, window.failed), (3, 2));
    breaker.reconfigure(breaker.settings().window(Window::count(100)).minimum_calls(5)).unwrap();
    let window = breaker.stats().window;
    assert_eq!((window.total, window.failed), (3, 2));
    succeed(&breaker, 97);
    fail(&breaker, 1);
    assert_eq!(breaker.stats().window.failed, 2, "the older of them has left");
}

/// [S27] a time window of another length takes over the buckets that lie in it.
#[tokio::test(start_paused = true)]
async fn a_time_window_keeps_its_buckets() {
    let breaker = plain().failure_rate(1.0).build().unwrap();
    succeed(&breaker, 7);
    sleep(secs(15)).await;
    succeed(&breaker, 5);
    sleep(secs(3)).await;
    breaker.reconfigure(breaker.settings().window(Window::time(secs(10)))).unwrap();
    assert_eq!(breaker.stats().window.total, 5);
    sleep(secs(7)).await;
    assert_eq!(breaker.stats().window.total, 0, "as old as the new window");
    succeed(&breaker, 2);
    breaker.reconfigure(breaker.settings().window(Window::time(secs(60)))).unwrap();
    sleep(secs(50)).await;
    assert_eq!(breaker.stats().window.total, 2);
}

/// [S27] windows of rules stay as well, wherever they stand now; a window of a new kind begins empty.
#[tokio::test(start_paused = true)]
async fn windows_of_rules_stay() {
    let breaker = plain()
        .failure_rate(None)
        .consecutive_failures(None)
        .trip_when(TripRule::failure_rate(0.5).over(Window::count(10)))
        .build()
        .unwrap();
    succeed(&breaker, 10);
    fail(&breaker, 4);
    let other = Breaker::builder("of another name, which does not matter")
        .window(Window::count(10))
        .failure_rate(0.5);
    breaker.reconfigure(other).unwrap();
    assert_eq!((breaker.name(), breaker.stats().window.failed), ("db", 4));
    breaker.reconfigure(breaker.settings().window(Window::time(secs(30))).minimum_calls(1)).unwrap();
    assert_eq!(breaker.stats().window.total, 0, "times are not known");
    fail(&breaker, 1);
    assert!(breaker.state().is_open());
}

/// [S27] a window that stays keeps all it knows, though there is a larger and coarser one of its kind.
#[tokio::test(start_paused = true)]
async fn an_equal_window_is_kept() {
    let coarse = TripRule::failure_rate(0.5).over(Window::time(secs(600)));
    let breaker = plain().window(Window::time(secs(10))).trip_when(coarse).build().unwrap();
    sleep(secs(59)).await;
    succeed(&breaker, 7);
    breaker.reconfigure(breaker.settings().open_wait(support::exactly(secs(1)))).unwrap();
    assert_eq!(breaker.stats().window.total, 7);
}

/// [S21] [S27] the wait of an open circuit ends as planned; its growth stays, the next one is by the new settings.
#[tokio::test(start_paused = true)]
async fn the_wait_goes_on() {
    let breaker = plain().build().unwrap();
    trip(&breaker);
    breaker.reconfigure(breaker.settings().open_wait(support::exactly(secs(1)))).unwrap();
    assert_eq!(refused(&breaker).retry_after(), Some(secs(5)));
    sleep(secs(5)).await;
    fail(&breaker, 1);
    assert_eq!(refused(&breaker).retry_after(), Some(secs(2)), "the second wait");
}

/// [S22] [S27] a round ends by the settings with which it began: a round made smaller while it runs would never end.
#[tokio::test(start_paused = true)]
async fn a_round_goes_on() {
    let breaker = plain().probes(Probes::new(5).to_close(5)).build().unwrap();
    probe(&breaker).await.success();
    succeed(&breaker, 3);
    breaker.reconfigure(breaker.settings().probes(Probes::new(2).to_close(2).timeout(ms(1)))).unwrap();
    let fifth = admit(&breaker);
    sleep(secs(9)).await;
    assert_eq!(breaker.state(), State::HalfOpen);
    fifth.success();
    assert_eq!(breaker.state(), State::Closed);
    trip(&breaker);
    sleep(secs(60)).await;
    succeed(&breaker, 2);
    assert_eq!(breaker.state(), State::Closed);
}

/// [S19] [S27] a rule about the age of calls sees those that are admitted from now on; switched off and on, it sees them
/// still.
#[tokio::test(start_paused = true)]
async fn ages_from_now_on() {
    let breaker = plain().build().unwrap();
    let plain_settings = breaker.settings();
    let unseen = admit(&breaker);
    breaker.reconfigure(plain_settings.clone().trip_when(TripRule::stuck(1, secs(1)))).unwrap();
    sleep(secs(2)).await;
    let seen = admit(&breaker);
    breaker.reconfigure(plain_settings.clone()).unwrap();
    sleep(secs(2)).await;
    succeed(&breaker, 1);
    unseen.success();
    let other = admit(&breaker);
    breaker.reconfigure(plain_settings.trip_when(TripRule::stuck(1, secs(3)))).unwrap();
    succeed(&breaker, 1);
    sleep(ms(1_001)).await;
    assert_eq!(refused(&breaker).trip().unwrap().reason, TripReason::Stuck { calls: 1, age: secs(3) });
    drop((seen, other));
    assert_eq!((breaker.stats().in_flight(), breaker.stats().late), (0, 2));
}

/// [S8] bad settings change nothing.
#[tokio::test(start_paused = true)]
async fn bad_settings_change_nothing() {
    let breaker = plain().build().unwrap();
    let error = breaker.reconfigure(breaker.settings().probes(0)).unwrap_err();
    assert_eq!(error.setting(), "probes");
    probe(&breaker).await.success();
    succeed(&breaker, 2);
    assert_eq!(breaker.state(), State::Closed);
}

/// [S22] [S27] a round of probes is judged, and explained, by the settings with which it began.
#[tokio::test(start_paused = true)]
async fn a_round_keeps_its_settings() {
    let breaker = defaults().probes(2).build().unwrap();
    probe(&breaker).await.success();
    let slow = admit(&breaker);
    breaker.reconfigure(defaults().probes(1).slow_call(ms(1))).unwrap();
    let text = breaker.explain().to_string();
    assert!(text.contains("by 2 probes: 1 settled"), "{text}");
    sleep(secs(1)).await;
    slow.success();
    assert_eq!(breaker.state(), State::Closed);
}
