//! `rate_limit.json`: permits, waits, reservations that come back, and charges that settle later.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Duration;

use buttress::ratelimit::{KeyedRateLimits, Permit, Rate, RateLimit, RateLimitLayer, Reservation};
use buttress::{BoxError, Context, Rejection};
use serde::Deserialize;
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::clock::{Clock, virtual_time};
use crate::suite::{Area, Outcome, Step, at_least_one, each_way, maybe_null, same, words};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    config: Config,
    #[serde(deserialize_with = "at_least_one")]
    steps: Vec<Step<Action>>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    permits: u32,
    period_ms: u64,
    burst: Option<u32>,
    mode: Mode,
    max_wait_ms: Option<u64>,
}

#[derive(Clone, Copy, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Mode {
    Refuse,
    Wait,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewRate {
    permits: u32,
    period_ms: u64,
    burst: Option<u32>,
}

#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Action {
    #[serde(rename_all = "snake_case")]
    Acquire {
        at_ms: u64,
        acquire: u32,
        id: Option<String>,
        key: Option<String>,
        deadline_ms: Option<u64>,
        times: Option<u32>,
        expect: Expected,
        #[serde(default, deserialize_with = "maybe_null")]
        retry_after_ms: Option<Option<u64>>,
        wait_ms: Option<u64>,
    },
    Cancel {
        at_ms: u64,
        cancel: String,
    },
    Settle {
        at_ms: u64,
        settle: String,
        actual: u32,
    },
    Drain {
        at_ms: u64,
        drain_ms: u64,
        key: Option<String>,
    },
    Limit {
        at_ms: u64,
        limit: NewRate,
    },
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Expected {
    Ok,
    Refused,
    Waits,
}

impl Action {
    const fn at_ms(&self) -> u64 {
        match self {
            Self::Acquire { at_ms, .. }
            | Self::Cancel { at_ms, .. }
            | Self::Settle { at_ms, .. }
            | Self::Drain { at_ms, .. }
            | Self::Limit { at_ms, .. } => *at_ms,
        }
    }
}

/// How a call takes its permits.
#[derive(Clone, Copy, Debug)]
enum Way {
    Handle,
    Layer,
}

impl Area for Case {
    const NAME: &'static str = "rate_limit";

    fn run(self) -> Outcome {
        let settles = self.steps.iter().any(|step| matches!(step.step, Action::Settle { .. }));
        // The layer has no permits that could settle.
        let ways: &[Way] = if settles { &[Way::Handle] } else { &[Way::Handle, Way::Layer] };
        each_way(ways, |way| virtual_time(self.run_by(way)))
    }
}

type Call = Pin<Box<dyn Future<Output = Result<(), BoxError>>>>;

/// What a call holds that goes on.
enum Held {
    Permit(Permit),
    Reservation(Reservation),
    Call(Call),
}

struct Limits {
    limits: KeyedRateLimits<String>,
    max_wait: Duration,
    held: HashMap<String, Held>,
    /// Calls without an id go on until the case ends.
    others: Vec<Held>,
}

impl Case {
    async fn run_by(&self, way: Way) -> Outcome {
        let Config { permits, period_ms, burst, mode, max_wait_ms } = self.config;
        let limit = RateLimit::new("scenario", rate(permits, period_ms, burst)).map_err(words)?;
        let max_wait = match mode {
            Mode::Refuse => Duration::ZERO,
            Mode::Wait => max_wait_ms.map_or(Duration::MAX, Duration::from_millis),
        };
        let mut limits = Limits {
            limits: KeyedRateLimits::new(limit),
            max_wait,
            held: HashMap::new(),
            others: Vec::new(),
        };
        let clock = Clock::start();
        for (index, step) in self.steps.iter().enumerate() {
            clock.reach(step.step.at_ms()).await.map_err(step.blame(index))?;
            limits.step(way, &step.step).map_err(step.blame(index))?;
        }
        Ok(())
    }
}

fn rate(permits: u32, period_ms: u64, burst: Option<u32>) -> Rate {
    Rate::new(permits, Duration::from_millis(period_ms)).burst(burst.unwrap_or(permits))
}

impl Limits {
    fn step(&mut self, way: Way, action: &Action) -> Outcome {
        match action {
            Action::Acquire {
                at_ms,
                acquire,
                id,
                key,
                deadline_ms,
                times,
                expect,
                retry_after_ms,
                wait_ms,
            } => {
                for _ in 0..times.unwrap_or(1) {
                    let left = deadline_ms.map(|end| end.saturating_sub(*at_ms));
                    let cx = left.map_or_else(Context::current, |left| {
                        Context::current().with_timeout(Duration::from_millis(left))
                    });
                    let limit = self.limits.get(key.as_deref().unwrap_or(""));
                    let (outcome, held) = cx.run(|| self.acquire(way, &limit, *acquire));
                    match (*expect, outcome) {
                        (Expected::Refused, Err(rejection)) => {
                            if let Some(expected) = retry_after_ms {
                                near("retry_after", *expected, rejection.retry_after())?;
                            }
                        }
                        (_, Err(rejection)) => return Err(format!("refused: {rejection}")),
                        (expected, Ok(wait)) => {
                            let got = if wait.is_some() { Expected::Waits } else { Expected::Ok };
                            same("outcome", &expected, &got)?;
                            // How long the layer waits is seen when the wait ends.
                            if let (Some(expected), Some(Some(wait))) = (wait_ms, wait) {
                                near("wait", Some(*expected), Some(wait))?;
                            }
                        }
                    }
                    match (id, held) {
                        (Some(id), Some(held)) => drop(self.held.insert(id.clone(), held)),
                        (None, Some(held)) => self.others.push(held),
                        (_, None) => {}
                    }
                }
            }
            Action::Cancel { cancel, .. } => match self.take(cancel)? {
                Held::Permit(permit) => drop(permit),
                Held::Reservation(reservation) => drop(reservation),
                Held::Call(call) => drop(call),
            },
            Action::Settle { settle, actual, .. } => match self.take(settle)? {
                Held::Permit(permit) => permit.settle(*actual),
                _ => return Err(format!("{settle} is not running")),
            },
            Action::Drain { drain_ms, key, .. } => {
                self.limits.get(key.as_deref().unwrap_or("")).drain(Duration::from_millis(*drain_ms));
            }
            Action::Limit { limit: NewRate { permits, period_ms, burst }, .. } => {
                self.limits.set_rate(rate(*permits, *period_ms, *burst)).map_err(words)?;
            }
        }
        Ok(())
    }

    fn take(&mut self, id: &str) -> Result<Held, String> {
        self.held.remove(id).ok_or_else(|| format!("{id} has no permits"))
    }

    /// Returns how long the call waits: none if it does not, and an unknown time through the layer.
    fn acquire(
        &self,
        way: Way,
        limit: &RateLimit,
        weight: u32,
    ) -> (Result<Option<Option<Duration>>, Rejection>, Option<Held>) {
        match way {
            Way::Handle if self.max_wait.is_zero() => match limit.try_acquire(weight) {
                Ok(permit) => (Ok(None), Some(Held::Permit(permit))),
                Err(rejection) => (Err(rejection), None),
            },
            Way::Handle => match limit.reserve(weight, self.max_wait) {
                Ok(reservation) if reservation.wait().is_zero() => {
                    let mut ready = Box::pin(reservation.ready());
                    match poll(ready.as_mut()) {
                        Poll::Ready(permit) => (Ok(None), Some(Held::Permit(permit))),
                        Poll::Pending => unreachable!("there is nothing to wait for"),
                    }
                }
                Ok(reservation) => (Ok(Some(Some(reservation.wait()))), Some(Held::Reservation(reservation))),
                Err(rejection) => (Err(rejection), None),
            },
            Way::Layer => {
                let layer = RateLimitLayer::new(limit.clone()).max_wait(self.max_wait);
                let layer = layer.weighed_by(move |()| weight);
                let mut service = layer.layer(service_fn(|()| async { Ok::<_, BoxError>(()) }));
                let ready = poll(service.ready());
                assert!(ready.is_ready(), "the service is always ready");
                let mut call: Call = Box::pin(service.call(()));
                match poll(call.as_mut()) {
                    Poll::Ready(Ok(())) => (Ok(None), Some(Held::Call(call))),
                    Poll::Ready(Err(error)) => {
                        let rejection = error.downcast_ref::<Rejection>().expect("a rejection").clone();
                        (Err(rejection), None)
                    }
                    Poll::Pending => (Ok(Some(None)), Some(Held::Call(call))),
                }
            }
        }
    }
}

fn poll<F: Future + Unpin>(mut future: F) -> Poll<F::Output> {
    Pin::new(&mut future).poll(&mut TaskContext::from_waker(Waker::noop()))
}

/// Times are meant to within a millisecond.
fn near(what: &str, expected: Option<u64>, got: Option<Duration>) -> Outcome {
    let close = match (expected, got) {
        (Some(expected), Some(got)) => {
            got.abs_diff(Duration::from_millis(expected)) <= Duration::from_millis(1)
        }
        (None, None) => true,
        _ => false,
    };
    if close { Ok(()) } else { Err(format!("{what}: expected {expected:?} ms, got {got:?}")) }
}
