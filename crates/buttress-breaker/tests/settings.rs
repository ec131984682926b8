//! Defaults and bad settings.

mod support;

use std::time::Duration;

use buttress_breaker::{Breaker, BreakerBuilder, OpenWait, Probes, SlowCall, Window};
use buttress_error::{Classify, Kind};
use support::secs;

/// [S8] each bad setting is refused at build, by a typed error that names the setting and its range.
#[tokio::test]
async fn bad_settings() {
    type Change = fn(BreakerBuilder) -> BreakerBuilder;
    let rate = "a rate above 0.0 and at most 1.0, or none";
    let minimum = "at least 1 and at most the calls of a count window";
    let calls = "a window of 1..=1000000 calls";
    let span = "a window of at least 1 µs in 1..=1000 buckets";
    let by_rate = "used with a failure_rate, or a slow_call and its rate";
    let bad: [(Change, &str, &str); 39] = [
        (|b| b.failure_rate(0.0), "failure_rate", rate),
        (|b| b.failure_rate(1.01), "failure_rate", rate),
        (|b| b.failure_rate(-0.5), "failure_rate", rate),
        (|b| b.failure_rate(f64::NAN), "failure_rate", rate),
        (|b| b.failure_rate(f64::INFINITY), "failure_rate", rate),
        (|b| b.slow_call(SlowCall::longer_than(secs(1)).rate(f64::NAN)), "slow_call.rate", rate),
        (|b| b.slow_call(SlowCall::longer_than(secs(1)).rate(2.0)), "slow_call.rate", rate),
        (|b| b.window(Window::count(0)), "window", calls),
        (|b| b.window(Window::count(1_000_001)), "window", calls),
        (|b| b.window(Window::time(Duration::ZERO)), "window", span),
        (|b| b.window(Window::time_buckets(secs(1), 0)), "window", span),
        (|b| b.window(Window::time_buckets(secs(1), 1_001)), "window", span),
        (|b| b.window(Window::consecutive(0)), "window", "at least 1 failure in a row"),
        (|b| b.minimum_calls(0), "minimum_calls", minimum),
        (|b| b.window(Window::count(10)).minimum_calls(11), "minimum_calls", minimum),
        (|b| b.consecutive_failures(0), "consecutive_failures", "at least 1, or none"),
        (|b| b.slow_call(Duration::ZERO), "slow_call", "longer than zero"),
        (|b| b.open_wait(Duration::ZERO), "open_wait", "longer than zero"),
        (|b| b.open_wait(OpenWait::default().multiplier(0.9)), "open_wait.multiplier", "in 1.0..=10.0"),
        (|b| b.open_wait(OpenWait::default().multiplier(11.0)), "open_wait.multiplier", "in 1.0..=10.0"),
        (|b| b.open_wait(OpenWait::default().multiplier(f64::NAN)), "open_wait.multiplier", "in 1.0..=10.0"),
        (|b| b.open_wait(OpenWait::default().jitter(-0.1)), "open_wait.jitter", "in 0.0..=0.5"),
        (|b| b.open_wait(OpenWait::default().jitter(0.6)), "open_wait.jitter", "in 0.0..=0.5"),
        (|b| b.open_wait(OpenWait::default().jitter(f64::NAN)), "open_wait.jitter", "in 0.0..=0.5"),
        (|b| b.open_wait(OpenWait::default().max(secs(4))), "open_wait.max", "at least the first wait"),
        (|b| b.open_wait(OpenWait::new(secs(61)).max(secs(60))), "open_wait.max", "at least the first wait"),
        (|b| b.probes(0), "probes", "in 1..=10000"),
        (|b| b.probes(10_001), "probes", "in 1..=10000"),
        (|b| b.probes(u32::MAX), "probes", "in 1..=10000"),
        (|b| b.probes(Probes::default().to_close(0)), "probes.to_close", "at least 1 and at most all probes"),
        (|b| b.probes(Probes::default().to_close(4)), "probes.to_close", "at least 1 and at most all probes"),
        (|b| b.probes(Probes::new(1).to_close(2)), "probes.to_close", "at least 1 and at most all probes"),
        (|b| b.probes(Probes::default().timeout(Duration::ZERO)), "probes.timeout", "longer than zero"),
        (|b| b.abandon_after(Duration::ZERO), "abandon_after", "longer than zero"),
        (|b| b.ramp(Duration::ZERO), "ramp", "longer than zero"),
        (|b| b.window(Window::time(Duration::from_nanos(999))), "window", span),
        (|b| b.minimum_calls(5).window(Window::count(4)), "minimum_calls", minimum),
        (|b| b.failure_rate(None).probes(Probes::default().by_rate()), "probes.by_rate", by_rate),
        (
            |b| {
                b.failure_rate(None)
                    .slow_call(SlowCall::longer_than(secs(1)).rate(None))
                    .probes(Probes::default().by_rate())
            },
            "probes.by_rate",
            by_rate,
        ),
    ];
    for (change, setting, range) in bad {
        let error = change(Breaker::builder("db")).build().unwrap_err();
        assert_eq!((error.setting(), error.range()), (setting, range));
        assert_eq!(error.class().kind, Kind::Config);
        assert!(
            error.to_string().starts_with(&format!("invalid {setting}: must be {range}, got ")),
            "{error}"
        );
    }
}

/// [S8] the ends of each range are good, and so are the defaults.
#[tokio::test]
async fn good_settings() {
    type Change = fn(BreakerBuilder) -> BreakerBuilder;
    let good: [Change; 15] = [
        |b| b,
        |b| b.failure_rate(1.0).slow_call(SlowCall::longer_than(secs(1)).rate(f64::MIN_POSITIVE)),
        |b| b.failure_rate(None).consecutive_failures(None).slow_call(None),
        |b| b.window(Window::count(1)),
        |b| b.window(Window::count(1_000_000)).minimum_calls(1_000_000),
        |b| b.window(Window::time_buckets(Duration::from_micros(1), 1_000)),
        |b| b.window(Window::time(Duration::MAX)).minimum_calls(u32::MAX),
        |b| b.window(Window::consecutive(u32::MAX)).consecutive_failures(u32::MAX),
        |b| b.open_wait(OpenWait::new(Duration::MAX).multiplier(10.0).jitter(0.5)),
        |b| {
            b.open_wait(
                OpenWait::new(Duration::from_nanos(1))
                    .multiplier(1.0)
                    .jitter(0.0)
                    .max(Duration::from_nanos(1)),
            )
        },
        |b| b.probes(Probes::new(10_000).to_close(10_000).timeout(Duration::MAX)),
        |b| {
            b.abandon_after(Duration::from_nanos(1))
                .open_wait(OpenWait::default().max_retry_after(Duration::ZERO))
        },
        |b| b.abandon_after(Duration::MAX).open_wait(OpenWait::default().max_retry_after(Duration::MAX)),
        |b| b.probes(Probes::new(1).by_rate()),
        |b| b.failure_rate(None).slow_call(secs(1)).probes(Probes::default().by_rate()),
    ];
    for change in good {
        change(Breaker::builder("db")).build().unwrap();
    }
}

/// [S5] the longest times saturate: open forever is open forever, and nothing overflows.
#[tokio::test(start_paused = true)]
async fn for_ever() {
    let breaker = support::plain()
        .window(Window::time(Duration::MAX))
        .open_wait(Duration::MAX)
        .probes(Probes::default().timeout(Duration::MAX))
        .abandon_after(Duration::MAX)
        .build()
        .unwrap();
    support::trip(&breaker);
    for _ in 0..10 {
        tokio::time::advance(secs(100_000_000)).await;
        support::refused(&breaker);
    }
}
