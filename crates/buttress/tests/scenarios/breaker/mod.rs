//! `breaker.json`: the circuit through permits, through closures, and through the layer, also as one of many keys.

mod call;
mod steps;

use std::collections::HashMap;
use std::time::Duration;

use serde::Deserialize;
use tower::{Layer, ServiceExt, service_fn};

use self::call::{InFlight, Told, dependency, spawn};
use self::steps::{
    Admission, Call, Config, Finish, Force, HasCounts, HasFailureRate, HasSlowRate, IsState, Order, Start,
    Timed,
};
use crate::api::{self, BreakerLayer, KeyedBreakers};
use crate::clock::{Clock, pass, virtual_time};
use crate::suite::{Area, Outcome, Step, at_least_one, each_way, hold, same, words};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    config: Config,
    #[serde(deserialize_with = "at_least_one")]
    steps: Vec<Step<Timed>>,
}

/// The ways through the same breaker.
#[derive(Clone, Copy, Debug)]
enum Way {
    Permit,
    Closure,
    Layer,
    /// Through the layer, to the breaker of a key.
    Keyed,
}

const KEY: &str = "api.example";

impl Area for Case {
    const NAME: &'static str = "breaker";

    fn run(self) -> Outcome {
        each_way(&[Way::Permit, Way::Closure, Way::Layer, Way::Keyed], |way| virtual_time(run(&self, way)))
    }
}

async fn run(case: &Case, way: Way) -> Outcome {
    let clock = Clock::start();
    let breaker = case.config.build().map_err(words)?;
    let keyed = KeyedBreakers::new(&breaker);
    let breaker = if matches!(way, Way::Keyed) { keyed.breaker(KEY) } else { breaker };
    let mut circuit = Circuit { breaker, keyed, way, in_flight: HashMap::new() };
    for (n, step) in case.steps.iter().enumerate() {
        clock.reach(step.step.at_ms()).await.map_err(step.blame(n))?;
        circuit.take(&step.step).await.map_err(step.blame(n))?;
    }
    Ok(())
}

struct Circuit {
    breaker: api::Breaker,
    keyed: KeyedBreakers,
    way: Way,
    in_flight: HashMap<String, InFlight>,
}

impl Circuit {
    async fn take(&mut self, step: &Timed) -> Outcome {
        // Read only where it is asked for, as reading might change what follows.
        let window = || self.breaker.stats().window;
        match step {
            Timed::Call(Call { call, took_ms, times, expect, .. }) => {
                for _ in 0..times.unwrap_or(1) {
                    if let Some(in_flight) = self.begin(*expect).await? {
                        pass(Duration::from_millis(*took_ms)).await;
                        in_flight.end(*call).await?;
                    }
                }
                Ok(())
            }
            Timed::Start(Start { start, expect, .. }) => {
                let Some(in_flight) = self.begin(*expect).await? else { return Ok(()) };
                let before = self.in_flight.insert(start.clone(), in_flight);
                same("is a call of this id in flight already", &false, &before.is_some())
            }
            Timed::Finish(Finish { finish, outcome, .. }) => {
                let in_flight = self.in_flight.remove(finish).ok_or("no call of this id is in flight")?;
                in_flight.end(*outcome).await
            }
            Timed::State(IsState { state, .. }) => same("state", &state.ours(), &self.breaker.state()),
            Timed::Counts(HasCounts { counts, .. }) => {
                let window = window();
                hold("total", &counts.total, &window.total)?;
                hold("failed", &counts.failed, &window.failed)?;
                hold("slow", &counts.slow, &window.slow)
            }
            Timed::FailureRate(HasFailureRate { failure_rate, .. }) => {
                near(*failure_rate, window().failure_rate())
            }
            Timed::SlowRate(HasSlowRate { slow_rate, .. }) => near(*slow_rate, window().slow_rate()),
            Timed::Force(Force { force, .. }) => {
                match force {
                    Order::Open => self.breaker.force_open(),
                    Order::Disabled => self.breaker.disable(),
                    Order::Closed | Order::Reset => self.breaker.reset(),
                }
                Ok(())
            }
        }
    }

    /// Asks for a call; none if it is refused, as expected.
    async fn begin(&self, expect: Admission) -> Result<Option<InFlight>, String> {
        let begun = match self.way {
            Way::Permit => self.breaker.admit().map(InFlight::Permit),
            Way::Closure => {
                let breaker = self.breaker.clone();
                spawn(|told| async move { breaker.call(|| dependency(told)).await }).await?
            }
            Way::Layer => {
                let service = BreakerLayer::new(&self.breaker).layer(service_fn(dependency));
                spawn(|told| service.oneshot(told)).await?
            }
            Way::Keyed => {
                let layer = BreakerLayer::new(KEY).keyed_by_str(|_: &Told| KEY).sharing(&self.keyed);
                let service = layer.layer(service_fn(dependency));
                spawn(|told| service.oneshot(told)).await?
            }
        };
        let admission = if begun.is_ok() { Admission::Permitted } else { Admission::Rejected };
        same("the call", &expect, &admission)?;
        Ok(begun.ok())
    }
}

fn near(expected: f64, got: Option<f64>) -> Outcome {
    match got {
        Some(got) if (got - expected).abs() < 1e-4 => Ok(()),
        _ => Err(format!("rate: expected {expected}, got {got:?}")),
    }
}
