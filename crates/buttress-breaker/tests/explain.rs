//! What a breaker explains to people.

mod support;

use std::io;

use buttress_breaker::{Breaker, OpenWait, Probes, TripRule, Window};
use buttress_error::{Class, Error, Kind};
use support::{admit, defaults, fail, ms, plain, probe, secs, sleep, succeed, trip};

/// The lines under this heading.
fn lines(breaker: &Breaker, heading: &str) -> Vec<String> {
    let text = breaker.explain().to_string();
    let mut under = false;
    let lines = text.lines().filter_map(|line| {
        let (name, text) = line.split_at_checked(17)?;
        under = if name.trim().is_empty() { under } else { name.trim() == heading };
        under.then(|| text.to_owned())
    });
    lines.collect()
}

fn first(breaker: &Breaker) -> String {
    breaker.explain().to_string().lines().next().expect("a line").to_owned()
}

/// [S25] the state, for how long it has lasted, and what happens next.
#[tokio::test(start_paused = true)]
async fn states() {
    let breaker = defaults().consecutive_failures(5).build().unwrap();
    sleep(ms(1_500)).await;
    assert_eq!(first(&breaker), "db: closed for 1.5s");
    assert_eq!(lines(&breaker, "next"), [""; 0]);
    let probe = probe(&breaker).await;
    succeed(&breaker, 1);
    assert_eq!(first(&breaker), "db: half-open for 0.0ns: 5 failures in a row");
    assert_eq!(lines(&breaker, "next"), ["a decision by 3 probes: 1 settled (0 failed), 1 in flight"]);
    drop(probe);
    admit(&breaker).failure(Kind::Throttled);
    assert_eq!(
        lines(&breaker, "next"),
        ["a decision by 3 probes: 2 settled (0 failed, 1 throttled), 0 in flight"]
    );
    breaker.force_open();
    sleep(secs(60)).await;
    assert_eq!(first(&breaker), "db: forced open for 60.0s");
    assert_eq!(lines(&breaker, "next"), ["nothing until it is released or reset"]);
    breaker.disable();
    sleep(secs(1)).await;
    assert_eq!(first(&breaker), "db: disabled for 1.0s");
    breaker.reset();
    breaker.shadow();
    assert_eq!(first(&breaker), "db: closed for 0.0ns (shadow mode: refuses no calls)");
    trip(&breaker);
    sleep(secs(5)).await;
    assert_eq!(lines(&breaker, "next"), ["half-open at the next call, with up to 3 probes"]);
}

/// [S7] [S25] the last failure has its whole chain, also while the circuit is closed.
#[tokio::test(start_paused = true)]
async fn the_last_failure() {
    let breaker = plain().build().unwrap();
    let reset = || io::Error::new(io::ErrorKind::ConnectionReset, "reset by peer");
    let failing =
        async || Err::<(), _>(Error::wrap(Class::new(Kind::Unavailable).reason("DB_DOWN"), reset()));
    breaker.call(failing).await.unwrap_err();
    let failures = lines(&breaker, "last failure");
    assert!(
        failures[0].starts_with("unavailable (DB_DOWN): ") && failures[0].ends_with("reset by peer"),
        "{failures:?}"
    );
    fail(&breaker, 4);
    assert_eq!(lines(&breaker, "last failure"), ["unavailable"]);
    sleep(secs(5)).await;
    admit(&breaker).neutral();
    assert_eq!(lines(&breaker, "last failure"), ["unavailable"], "why it had opened");
}

/// [S19] the default rules are explained, with numbers for the evidence.
#[tokio::test(start_paused = true)]
async fn the_default_rules() {
    assert_eq!(
        lines(&Breaker::new("db"), "opens at"),
        [
            "20 failures in a row",
            "evidence of more than 50 % failed (15 of 20, 60 of 100) from at least 5 calls in the last 30s",
        ]
    );
    assert_eq!(lines(&Breaker::new("db"), "closes at"), ["2 of 3 probes succeeded, each within 10s"]);
    let evidence = plain()
        .failure_rate(None)
        .consecutive_failures(None)
        .trip_when(TripRule::evidence(0.9).minimum_calls(50));
    assert_eq!(
        lines(&evidence.build().unwrap(), "opens at"),
        ["evidence of more than 90 % failed (20 of 20, 96 of 100) from at least 50 calls in the last 30s"]
    );
}

/// [S19] [S27] all rules and all windows are listed, and those of new settings after a change.
#[tokio::test(start_paused = true)]
async fn settings() {
    let breaker = Breaker::builder("db")
        .window(Window::count(100))
        .slow_call(secs(2))
        .failure_rate(0.5)
        .consecutive_failures(None)
        .trip_when(TripRule::throttle_rate(0.255).over(Window::time(secs(60))).minimum_calls(1))
        .trip_when(TripRule::failures_in_a_row(50).or(TripRule::failures_within(9, secs(5))))
        .probes(Probes::new(3).to_close(2))
        .open_wait(OpenWait::default().max_retry_after(secs(0)))
        .abandon_after(std::time::Duration::MAX)
        .build()
        .unwrap();
    succeed(&breaker, 3);
    assert_eq!(lines(&breaker, "last 100 calls"), ["3 calls: 0 failed, 0 slow, 0 throttled"]);
    assert_eq!(lines(&breaker, "last 60s"), ["3 calls: 0 failed, 0 slow, 0 throttled"]);
    assert_eq!(
        lines(&breaker, "opens at"),
        [
            "50 % failed of at least 20 calls in the last 100 calls",
            "50 % slow of at least 20 calls in the last 100 calls",
            "25.5 % throttled of at least 1 call in the last 60s",
            "50 failures in a row",
            "9 failures within 5s",
        ]
    );
    assert_eq!(lines(&breaker, "stays open"), ["5s, 2 times as long at each reopening, up to 60s, ± 20 %"]);
    assert_eq!(lines(&breaker, "closes at"), ["2 of 3 probes succeeded, each within 10s"]);
    assert_eq!(lines(&breaker, "slow calls"), ["take longer than 2s"]);
    assert_eq!(lines(&breaker, "dropped calls"), ["never count as failed"]);
    breaker
        .reconfigure(
            Breaker::builder("db").window(Window::consecutive(3)).probes(Probes::default().by_rate()),
        )
        .unwrap();
    fail(&breaker, 2);
    assert_eq!(lines(&breaker, "in a row"), ["2 failed"]);
    assert_eq!(lines(&breaker, "opens at"), ["3 failures in a row"]);
    assert_eq!(
        lines(&breaker, "closes at"),
        ["3 probes below the failure rate and the slow rate, each within 10s"]
    );
    breaker.reconfigure(Breaker::builder("db").failure_rate(None).consecutive_failures(None)).unwrap();
    assert_eq!(lines(&breaker, "opens at"), ["no rule"]);
}

/// The singular for one of a thing, and a plain text for a rule that one failure breaks.
#[tokio::test(start_paused = true)]
async fn one_of_each() {
    let breaker = Breaker::builder("db").probes(1).window(Window::consecutive(1)).build().unwrap();
    fail(&breaker, 1);
    let text = breaker.explain().to_string();
    assert!(text.contains("up to 1 probe\n") && text.contains("1 call admitted"), "{text}");
    assert!(text.contains(": 1 failure\n") && text.contains("opens at       the first failure\n"), "{text}");
    let first = plain()
        .failure_rate(None)
        .consecutive_failures(None)
        .trip_when(TripRule::failures_within(1, secs(1)));
    assert_eq!(lines(&first.build().unwrap(), "opens at"), ["the first failure"]);
}
