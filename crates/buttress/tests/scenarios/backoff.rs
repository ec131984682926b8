//! `backoff.json`: how long to wait before each retry.

use std::time::Duration;

use serde::Deserialize;

use crate::api::{self, Jitter};
use crate::suite::{Area, Outcome, Step, at_least_one, same};

/// How many waits are drawn from a range.
const SAMPLES: usize = 500;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    config: Backoff,
    #[serde(deserialize_with = "at_least_one")]
    steps: Vec<Step<Wait>>,
}

/// A backoff in the words of the scenarios, here and in `retry.json`.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Backoff {
    Fixed { base_ms: u64, max_ms: Option<u64>, jitter: Option<Spread> },
    Linear { base_ms: u64, increment_ms: u64, max_ms: Option<u64>, jitter: Option<Spread> },
    Exponential { base_ms: u64, multiplier: f64, max_ms: Option<u64>, jitter: Option<Spread> },
    Fibonacci { base_ms: u64, max_ms: Option<u64>, jitter: Option<Spread> },
    Decorrelated { base_ms: u64, max_ms: Option<u64> },
}

// Empty braces: serde lets unknown keys beside the tag of a plain variant pass.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Spread {
    None {},
    Full {},
    Equal {},
    Proportional { factor: f64 },
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Wait {
    Exact(Exact),
    Range(Range),
    AtLeast(AtLeast),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exact {
    attempt: u32,
    delay_ms: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Range {
    attempt: u32,
    range_ms: [u64; 2],
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AtLeast {
    attempt: u32,
    at_least_ms: u64,
}

impl Backoff {
    pub(crate) fn build(&self) -> api::Backoff {
        let ms = Duration::from_millis;
        let (backoff, max, jitter) = match self {
            Self::Fixed { base_ms, max_ms, jitter } => (api::Backoff::fixed(ms(*base_ms)), max_ms, jitter),
            Self::Linear { base_ms, increment_ms, max_ms, jitter } => {
                (api::Backoff::linear(ms(*base_ms), ms(*increment_ms)), max_ms, jitter)
            }
            Self::Exponential { base_ms, multiplier, max_ms, jitter } => {
                (api::Backoff::exponential(ms(*base_ms)).multiplier(*multiplier), max_ms, jitter)
            }
            Self::Fibonacci { base_ms, max_ms, jitter } => {
                (api::Backoff::fibonacci(ms(*base_ms)), max_ms, jitter)
            }
            Self::Decorrelated { base_ms, max_ms } => {
                (api::Backoff::decorrelated(ms(*base_ms)), max_ms, &None)
            }
        };
        let backoff = backoff.jitter(match jitter {
            None | Some(Spread::None {}) => Jitter::None,
            Some(Spread::Full {}) => Jitter::Full,
            Some(Spread::Equal {}) => Jitter::Equal,
            Some(Spread::Proportional { factor }) => Jitter::Proportional(*factor),
        });
        // A policy gives a backoff that grows a cap of its own, the scenarios don't.
        backoff.max(max.map_or(Duration::MAX, ms))
    }
}

impl Area for Case {
    const NAME: &'static str = "backoff";

    fn run(self) -> Outcome {
        let backoff = self.config.build();
        self.steps.iter().enumerate().try_for_each(|(n, step)| step.step.run(&backoff).map_err(step.blame(n)))
    }
}

impl Wait {
    fn run(&self, backoff: &api::Backoff) -> Outcome {
        match *self {
            Self::Exact(Exact { attempt, delay_ms }) => {
                same("delay", &Duration::from_millis(delay_ms), &backoff.delay(attempt))
            }
            Self::Range(Range { attempt, range_ms: [low, high] }) => {
                let range = Duration::from_millis(low)..=Duration::from_millis(high);
                let waits: Vec<_> = (0..SAMPLES).map(|_| backoff.delay(attempt)).collect();
                if let Some(wait) = waits.iter().find(|wait| !range.contains(wait)) {
                    return Err(format!("{wait:?} is not in {range:?}"));
                }
                let vary = waits.iter().any(|wait| *wait != waits[0]);
                same("do the waits vary", &(low != high), &vary)
            }
            Self::AtLeast(AtLeast { attempt, at_least_ms }) => {
                let (least, wait) = (Duration::from_millis(at_least_ms), backoff.delay(attempt));
                if wait >= least { Ok(()) } else { Err(format!("{wait:?} is less than {least:?}")) }
            }
        }
    }
}
