//! Defaults and bad settings.

mod support;

use std::time::Duration;

use buttress_breaker::{Breaker, BreakerBuilder, Window};
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
    let bad: [(Change, &str, &str); 40] = [
        (|b| b.failure_rate(0.0), "failure_rate", rate),
        (|b| b.failure_rate(1.01), "failure_rate", rate),
        (|b| b.failure_rate(-0.5), "failure_rate", rate),
        (|b| b.failure_rate(f64::NAN), "failure_rate", rate),
        (|b| b.failure_rate(f64::INFINITY), "failure_rate", rate),
        (|b| b.slow_rate(f64::NAN), "slow_rate", rate),
        (|b| b.slow_rate(2.0), "slow_rate", rate),
        (|b| b.throttle_rate(f64::NAN), "throttle_rate", rate),
        (|b| b.throttle_rate(0.0), "throttle_rate", rate),
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
        (|b| b.open_for(Duration::ZERO), "open_for", "longer than zero"),
        (|b| b.open_growth(0.9), "open_growth", "in 1.0..=10.0"),
        (|b| b.open_growth(11.0), "open_growth", "in 1.0..=10.0"),
        (|b| b.open_growth(f64::NAN), "open_growth", "in 1.0..=10.0"),
        (|b| b.open_jitter(-0.1), "open_jitter", "in 0.0..=0.5"),
        (|b| b.open_jitter(0.6), "open_jitter", "in 0.0..=0.5"),
        (|b| b.open_jitter(f64::NAN), "open_jitter", "in 0.0..=0.5"),
        (|b| b.open_max(secs(4)), "open_max", "at least open_for"),
        (|b| b.open_for(secs(61)).open_max(secs(60)), "open_max", "at least open_for"),
        (|b| b.probes(0), "probes", "in 1..=10000"),
        (|b| b.probes(10_001), "probes", "in 1..=10000"),
        (|b| b.probes(u32::MAX), "probes", "in 1..=10000"),
        (|b| b.probes_to_close(0), "probes_to_close", "at least 1 and at most probes"),
        (|b| b.probes_to_close(4), "probes_to_close", "at least 1 and at most probes"),
        (|b| b.probes_to_close(2).probes(1), "probes_to_close", "at least 1 and at most probes"),
        (|b| b.lease(Duration::ZERO), "lease", "longer than zero"),
        (|b| b.ramp(Duration::ZERO), "ramp", "longer than zero"),
        (|b| b.window(Window::time(Duration::from_nanos(999))), "window", span),
        (|b| b.minimum_calls(5).window(Window::count(4)), "minimum_calls", minimum),
        (|b| b.failure_rate(None).probes_by_rate(), "probes_by_rate", by_rate),
        (
            |b| b.failure_rate(None).slow_call(secs(1)).slow_rate(None).probes_by_rate(),
            "probes_by_rate",
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
        |b| b.failure_rate(1.0).slow_rate(f64::MIN_POSITIVE).throttle_rate(1.0),
        |b| {
            b.failure_rate(None)
                .slow_rate(None)
                .throttle_rate(None)
                .consecutive_failures(None)
                .slow_call(None)
        },
        |b| b.window(Window::count(1)),
        |b| b.window(Window::count(1_000_000)).minimum_calls(1_000_000),
        |b| b.window(Window::time_buckets(Duration::from_micros(1), 1_000)),
        |b| b.window(Window::time(Duration::MAX)).minimum_calls(u32::MAX),
        |b| b.window(Window::consecutive(u32::MAX)).consecutive_failures(u32::MAX),
        |b| b.open_for(Duration::MAX).open_growth(10.0).open_jitter(0.5),
        |b| {
            b.open_for(Duration::from_nanos(1))
                .open_growth(1.0)
                .open_jitter(0.0)
                .open_max(Duration::from_nanos(1))
        },
        |b| b.probes(10_000).probes_to_close(10_000).lease(Duration::MAX),
        |b| b.patience(Duration::ZERO).max_retry_after(Duration::ZERO),
        |b| b.patience(Duration::MAX).max_retry_after(Duration::MAX),
        |b| b.probes(1).probes_by_rate(),
        |b| b.failure_rate(None).slow_call(secs(1)).probes_by_rate(),
    ];
    for change in good {
        change(Breaker::builder("db")).build().unwrap();
    }
}

/// [S5] the longest times saturate: open for ever is open for ever, and nothing overflows.
#[tokio::test(start_paused = true)]
async fn for_ever() {
    let breaker = support::plain()
        .window(Window::time(Duration::MAX))
        .open_for(Duration::MAX)
        .lease(Duration::MAX)
        .patience(Duration::MAX)
        .build()
        .unwrap();
    support::trip(&breaker);
    for _ in 0..10 {
        tokio::time::advance(secs(100_000_000)).await;
        support::refused(&breaker);
    }
}
