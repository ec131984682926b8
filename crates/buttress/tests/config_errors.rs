//! What a bad setting says, over all crates: each sentence is to be read here.
#![cfg(all(feature = "breaker", feature = "retry", feature = "timeout"))]

use std::time::Duration;

use buttress::Breaker;
use buttress::breaker::{BreakerBuilder, OpenWait, Probes, TripRule, Window};
use buttress::context::SampleRatio;
use buttress::error::ConfigError;
use buttress::retry::{Backoff, Budget, Jitter, Policy};
use buttress::timeout::{AttemptTimeoutLayer, DeadlineLayer};

const SECOND: Duration = Duration::from_secs(1);

fn breaker(change: impl FnOnce(BreakerBuilder) -> BreakerBuilder) -> ConfigError {
    change(Breaker::builder("b")).build().map(drop).expect_err("a bad setting")
}

fn backoff(backoff: Backoff) -> ConfigError {
    Policy::exponential().backoff(backoff).build().map(drop).expect_err("a bad setting")
}

/// "backoff is 1s, but must be with a cap…".
#[test]
fn bad_settings_are_said_in_plain_sentences() {
    let table = [
        (
            backoff(Backoff::fixed(SECOND).max(SECOND / 2)),
            "invalid backoff: must be given a cap of at least its base, got 500ms",
        ),
        (
            backoff(Backoff::exponential(SECOND).multiplier(0.5)),
            "invalid backoff: must be given a finite multiplier of 1.0 or more, got 0.5",
        ),
        (
            backoff(Backoff::fixed(SECOND).jitter(Jitter::Proportional(2.0))),
            "invalid backoff: must be given a proportional jitter in 0.0..=1.0, got 2.0",
        ),
        (
            Policy::exponential().max_attempts(0).build().map(drop).expect_err("bad"),
            "invalid max_attempts: must be at least 1, got 0",
        ),
        (
            Budget::ratio(0.1).over(Duration::ZERO).build().map(drop).expect_err("bad"),
            "invalid over: must be in 1 ms..=1 h, got 0ns",
        ),
        (
            Budget::ratio(f64::NAN).build().map(drop).expect_err("bad"),
            "invalid ratio: must be in 0.0..=1000.0, got NaN",
        ),
        (
            breaker(|b| b.failure_rate(1.5)),
            "invalid failure_rate: must be a rate above 0.0 and at most 1.0, or none, got 1.5",
        ),
        (
            breaker(|b| b.window(Window::count(0))),
            "invalid window: must be a window of 1..=1000000 calls, got 0 calls",
        ),
        (
            breaker(|b| b.window(Window::time_buckets(SECOND, 0))),
            "invalid window: must be a window of at least 1 µs in 1..=1000 buckets, got 1s in 0 buckets",
        ),
        (
            breaker(|b| b.window(Window::consecutive(0))),
            "invalid window: must be at least 1 failure in a row, got 0",
        ),
        (
            breaker(|b| b.failure_rate(None).probes(Probes::default().by_rate())),
            "invalid probes.by_rate: must be used with a failure_rate, or a slow_call and its rate, got neither",
        ),
        (
            breaker(|b| b.trip_when(TripRule::slow_rate(0.5))),
            "invalid slow_rate: must be used with a slow_call, got no slow_call",
        ),
        (breaker(|b| b.open_wait(Duration::ZERO)), "invalid open_wait: must be longer than zero, got 0ns"),
        (
            breaker(|b| b.open_wait(OpenWait::default().max(SECOND))),
            "invalid open_wait.max: must be at least the first wait, got 1s",
        ),
        (
            AttemptTimeoutLayer::try_new(Duration::ZERO).map(drop).expect_err("bad"),
            "invalid limit: must be longer than zero, got 0ns",
        ),
        (
            DeadlineLayer::try_new(Duration::ZERO).map(drop).expect_err("bad"),
            "invalid limit: must be longer than zero, got 0ns",
        ),
        (
            SampleRatio::new(2.0).map(drop).expect_err("bad"),
            "invalid sample_ratio: must be in 0.0..=1.0, got 2.0",
        ),
    ];
    for (error, sentence) in table {
        assert_eq!(error.to_string(), sentence);
    }
}
