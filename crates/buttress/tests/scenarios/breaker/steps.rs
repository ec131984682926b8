//! The words of `breaker.json`.

use std::time::Duration;

use serde::Deserialize;

use crate::api::{self, ConfigError, Kind};
use crate::suite::not_nothing;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Config {
    pub(super) window: Window,
    pub(super) failure_rate_threshold: Option<f64>,
    pub(super) minimum_calls: Option<u32>,
    pub(super) slow_call_ms: Option<u64>,
    pub(super) slow_rate_threshold: Option<f64>,
    pub(super) open_ms: u64,
    pub(super) half_open_calls: u32,
    pub(super) half_open_success_to_close: Option<u32>,
    pub(super) half_open_timeout_ms: Option<u64>,
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Window {
    Count { size: u32 },
    Time { size: u64, bucket_ms: u64 },
    Consecutive { size: u32 },
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Timed {
    Call(Call),
    Start(Start),
    Finish(Finish),
    State(IsState),
    Counts(HasCounts),
    FailureRate(HasFailureRate),
    SlowRate(HasSlowRate),
    Force(Force),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Call {
    pub(super) at_ms: u64,
    pub(super) call: Ending,
    #[serde(default)]
    pub(super) took_ms: u64,
    pub(super) times: Option<u32>,
    pub(super) expect: Admission,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Start {
    pub(super) at_ms: u64,
    pub(super) start: String,
    pub(super) expect: Admission,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Finish {
    pub(super) at_ms: u64,
    pub(super) finish: String,
    pub(super) outcome: Ending,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IsState {
    pub(super) at_ms: u64,
    pub(super) state: State,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HasCounts {
    pub(super) at_ms: u64,
    #[serde(deserialize_with = "not_nothing")]
    pub(super) counts: Counts,
}

#[derive(Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(super) struct Counts {
    pub(super) total: Option<u32>,
    pub(super) failed: Option<u32>,
    pub(super) slow: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HasFailureRate {
    pub(super) at_ms: u64,
    pub(super) failure_rate: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HasSlowRate {
    pub(super) at_ms: u64,
    pub(super) slow_rate: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Force {
    pub(super) at_ms: u64,
    pub(super) force: Order,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Ending {
    Ok,
    Fail,
    Ignored,
    Cancelled,
    Panicked,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(super) enum Admission {
    Permitted,
    Rejected,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    Closed,
    Open,
    HalfOpen,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Order {
    Open,
    Closed,
    Disabled,
    Reset,
}

impl Config {
    /// Only what it names is active: no growth and no jitter of the wait, no second rule.
    pub(super) fn build(&self) -> Result<api::Breaker, ConfigError> {
        let ms = Duration::from_millis;
        let probes = api::Probes::new(self.half_open_calls)
            .timeout(self.half_open_timeout_ms.map_or(Duration::MAX, ms));
        let probes = match self.half_open_success_to_close {
            Some(successes) => probes.to_close(successes),
            None => probes.by_rate(),
        };
        let mut builder = api::Breaker::builder("scenario")
            .window(match self.window {
                Window::Count { size } => api::Window::count(size),
                Window::Time { size, bucket_ms } => {
                    api::Window::time_buckets(ms(size), u32::try_from(size / bucket_ms).unwrap_or(u32::MAX))
                }
                Window::Consecutive { size } => api::Window::consecutive(size),
            })
            .failure_rate(self.failure_rate_threshold)
            .consecutive_failures(None)
            .slow_call(api::SlowCall::from(self.slow_call_ms.map(ms)).rate(self.slow_rate_threshold))
            .open_wait(api::OpenWait::new(ms(self.open_ms)).multiplier(1.0).jitter(0.0))
            .probes(probes);
        if let Some(calls) = self.minimum_calls {
            builder = builder.minimum_calls(calls);
        }
        builder.build()
    }
}

impl Timed {
    pub(super) const fn at_ms(&self) -> u64 {
        match self {
            Self::Call(Call { at_ms, .. })
            | Self::Start(Start { at_ms, .. })
            | Self::Finish(Finish { at_ms, .. })
            | Self::State(IsState { at_ms, .. })
            | Self::Counts(HasCounts { at_ms, .. })
            | Self::FailureRate(HasFailureRate { at_ms, .. })
            | Self::SlowRate(HasSlowRate { at_ms, .. })
            | Self::Force(Force { at_ms, .. }) => *at_ms,
        }
    }
}

impl Ending {
    /// The kind of the error. What was ignored is neutral by its kind: an inner layer refused the call.
    pub(super) const fn kind(self) -> Kind {
        match self {
            Self::Ignored => Kind::Rejected,
            _ => Kind::Unavailable,
        }
    }
}

impl State {
    pub(super) const fn ours(self) -> api::State {
        match self {
            Self::Closed => api::State::Closed,
            Self::Open => api::State::Open,
            Self::HalfOpen => api::State::HalfOpen,
        }
    }
}
