//! The circuit against a model that keeps everything and recomputes everything.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use crate::circuit::builder::BreakerBuilder;
use crate::circuit::fleet::{FleetState, Lease, ProbeResult};
use crate::circuit::open_wait::OpenWait;
use crate::circuit::outcome::Outcome;
use crate::circuit::pass::{NO_EPOCH, Pass};
use crate::circuit::probes::Probes;
use crate::circuit::settings::Settings;
use crate::circuit::state::State;
use crate::circuit::time::Nanos;
use crate::circuit::window::Window;
use crate::circuit::{Admission, Circuit};

pub(crate) fn settings(change: impl FnOnce(BreakerBuilder) -> BreakerBuilder) -> Settings {
    Settings::new(change(BreakerBuilder::new("test".into())))
}

const WINDOW: usize = 6;
const MINIMUM: usize = 4;
const WAIT: Nanos = 10;
const PROBES: usize = 3;
const NEEDED: usize = 2;
const TIMEOUT: Nanos = 7;
const ABANDON_AFTER: Nanos = 4;

fn circuit() -> Circuit {
    Circuit::new(
        "test".into(),
        settings(|builder| {
            builder
                .window(Window::count(WINDOW as u32))
                .minimum_calls(MINIMUM as u32)
                .consecutive_failures(3)
                .open_wait(OpenWait::new(Duration::from_nanos(WAIT)).multiplier(1.0).jitter(0.0))
                .probes(
                    Probes::new(PROBES as u32).to_close(NEEDED as u32).timeout(Duration::from_nanos(TIMEOUT)),
                )
                .abandon_after(Duration::from_nanos(ABANDON_AFTER))
        }),
    )
}

pub(super) fn admit(circuit: &mut Circuit, now: Nanos) -> Option<Pass> {
    loop {
        match circuit.admit(now) {
            Admission::Pass(pass) => return Some(pass),
            Admission::Refuse(_) => return None,
            Admission::Transition(transition) => drop(circuit.apply(transition, now, 0.5)),
        }
    }
}

pub(super) fn settle(circuit: &mut Circuit, pass: Pass, outcome: Outcome, now: Nanos) {
    if let Some(transition) = circuit.settle(&pass, outcome, Some(now), &mut None) {
        circuit.apply(transition, now, 0.5);
    }
}

/// [S24] a circuit whose ramp is over admits calls without the lock again.
#[test]
fn a_ramp_ends() {
    let mut circuit = Circuit::new(
        "test".into(),
        settings(|builder| {
            builder
                .consecutive_failures(1)
                .open_wait(Duration::from_nanos(WAIT))
                .probes(1)
                .ramp(Duration::from_nanos(5))
        }),
    );
    let pass = admit(&mut circuit, 0).unwrap();
    settle(&mut circuit, pass, Outcome::Failure, 0);
    let probe = admit(&mut circuit, 2 * WAIT).unwrap();
    settle(&mut circuit, probe, Outcome::Success, 2 * WAIT);
    assert_eq!((circuit.state(), circuit.admit_all_epoch()), (State::Closed, NO_EPOCH));
    assert!(admit(&mut circuit, 2 * WAIT + 14).is_some());
    assert!(admit(&mut circuit, 2 * WAIT + 14).is_none());
    assert_eq!(circuit.admit_all_epoch(), NO_EPOCH);
    assert!(admit(&mut circuit, 2 * WAIT + 15).is_some());
    assert_eq!(circuit.admit_all_epoch(), circuit.epoch());
}

/// [S22] [S42] a probe of the fleet that ends after its lease has failed, even if nothing was read in between.
#[test]
fn a_lease_of_the_fleet_ends() {
    for (wait, result) in [(5, ProbeResult::Succeeded), (6, ProbeResult::Failed)] {
        let mut circuit = circuit();
        circuit.adopt(FleetState::Open { wait: Duration::ZERO }, 0);
        let lease = Lease { epoch: 1, token: 1, time: Duration::from_nanos(5) };
        circuit.grant(lease, 0);
        let probe = admit(&mut circuit, 0).unwrap();
        settle(&mut circuit, probe, Outcome::Success, wait);
        assert_eq!(circuit.take_probe_results(wait), [(lease, result)], "after {wait}");
    }
}

/// One period of the model's circuit, with all that happened in it: failed or not.
#[derive(Debug)]
enum Period {
    Closed { outcomes: Vec<bool> },
    Open { until: Nanos },
    HalfOpen { live: BTreeMap<usize, Nanos>, outcomes: Vec<bool> },
}

#[derive(Debug)]
struct Model {
    number: u64,
    period: Period,
    late: u64,
}

impl Model {
    fn next(&mut self, period: Period) {
        self.number += 1;
        self.period = period;
    }

    fn open(&mut self, now: Nanos) {
        self.next(Period::Open { until: now + WAIT });
    }

    /// The probes decide, if they can.
    fn probes(&mut self, now: Nanos) {
        let Period::HalfOpen { outcomes, .. } = &self.period else { return };
        let failed = outcomes.iter().filter(|failed| **failed).count();
        if failed > PROBES - NEEDED {
            self.open(now);
        } else if outcomes.len() - failed >= NEEDED {
            self.next(Period::Closed { outcomes: Vec::new() });
        }
    }

    /// Probes that have timed out by `now` have failed.
    fn expire(&mut self, now: Nanos) {
        if let Period::HalfOpen { live, outcomes } = &mut self.period {
            let ended: Vec<_> = live.extract_if_ended(now);
            outcomes.extend(ended.iter().map(|_| true));
            if let Some(last) = ended.into_iter().max() {
                self.probes(last);
            }
        }
    }

    fn admit(&mut self, id: usize, now: Nanos) -> bool {
        self.expire(now);
        if matches!(self.period, Period::Open { until } if until <= now) {
            self.next(Period::HalfOpen { live: BTreeMap::new(), outcomes: Vec::new() });
        }
        match &mut self.period {
            Period::Closed { .. } => true,
            Period::Open { .. } => false,
            Period::HalfOpen { live, outcomes } => {
                let free = live.len() + outcomes.len() < PROBES;
                if free {
                    live.insert(id, now + TIMEOUT);
                }
                free
            }
        }
    }

    fn settle(&mut self, id: usize, number: u64, failed: Option<bool>, now: Nanos) {
        // A probe that ends exactly with its timeout is in time.
        self.expire(now.saturating_sub(1));
        let known = match &mut self.period {
            Period::HalfOpen { live, .. } => live.remove(&id).is_some(),
            Period::Closed { .. } => number == self.number,
            Period::Open { .. } => false,
        };
        if !known {
            self.late += 1;
            return;
        }
        let Some(failed) = failed else { return };
        match &mut self.period {
            Period::HalfOpen { outcomes, .. } => {
                outcomes.push(failed);
                self.probes(now);
            }
            Period::Closed { outcomes } => {
                outcomes.push(failed);
                let window = &outcomes[outcomes.len().saturating_sub(WINDOW)..];
                let bad = window.iter().filter(|failed| **failed).count();
                let streak = outcomes.iter().rev().take_while(|failed| **failed).count();
                if streak >= 3 || window.len() >= MINIMUM && bad * 2 >= window.len() {
                    self.open(now);
                }
            }
            Period::Open { .. } => {}
        }
    }

    fn counts(&self) -> Option<(usize, usize)> {
        let shown = match &self.period {
            Period::Closed { outcomes } => &outcomes[outcomes.len().saturating_sub(WINDOW)..],
            Period::HalfOpen { outcomes, .. } => outcomes,
            Period::Open { .. } => return None,
        };
        Some((shown.len(), shown.iter().filter(|failed| **failed).count()))
    }
}

trait ExtractIfEnded {
    fn extract_if_ended(&mut self, now: Nanos) -> Vec<Nanos>;
}

impl ExtractIfEnded for BTreeMap<usize, Nanos> {
    fn extract_if_ended(&mut self, now: Nanos) -> Vec<Nanos> {
        let ended = self.values().copied().filter(|ends| *ends <= now).collect();
        self.retain(|_, ends| *ends > now);
        ended
    }
}

#[derive(Clone, Debug)]
enum Step {
    Pause(Nanos),
    Admit,
    /// Settles the call in flight that the number picks.
    Settle(usize, Outcome),
}

fn step() -> impl Strategy<Value = Step> {
    let mark = prop_oneof![
        4 => Just(Outcome::Success),
        4 => Just(Outcome::Failure),
        1 => Just(Outcome::Neutral),
        1 => Just(Outcome::Abandoned),
    ];
    prop_oneof![
        2 => (0..6_u64).prop_map(Step::Pause),
        5 => Just(Step::Admit),
        5 => (any::<usize>(), mark).prop_map(|(pick, mark)| Step::Settle(pick, mark)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// [S19] [S20] [S21] [S22] [S23] whatever the order of calls, results and pauses, the circuit does what a model does
    /// that keeps every outcome.
    #[test]
    fn does_what_the_model_does(steps in prop::collection::vec(step(), 0..250)) {
        let mut circuit = circuit();
        let mut model = Model { number: 0, period: Period::Closed { outcomes: Vec::new() }, late: 0 };
        let mut in_flight: Vec<(usize, u64, Nanos, Pass)> = Vec::new();
        let mut now = 0;
        for (id, step) in steps.into_iter().enumerate() {
            match step {
                Step::Pause(time) => now += time,
                Step::Admit => {
                    let pass = admit(&mut circuit, now);
                    prop_assert_eq!(pass.is_some(), model.admit(id, now));
                    in_flight.extend(pass.map(|pass| (id, model.number, now, pass)));
                }
                Step::Settle(_, _) if in_flight.is_empty() => {}
                Step::Settle(pick, mark) => {
                    let (id, number, since, pass) = in_flight.swap_remove(pick % in_flight.len());
                    settle(&mut circuit, pass, mark, now);
                    let failed = match mark {
                        Outcome::Success => Some(false),
                        Outcome::Failure => Some(true),
                        Outcome::Abandoned if now - since >= ABANDON_AFTER => Some(true),
                        _ => None,
                    };
                    model.settle(id, number, failed, now);
                }
            }
            let state = match &model.period {
                Period::Closed { .. } => State::Closed,
                Period::Open { .. } => State::Open,
                Period::HalfOpen { .. } => State::HalfOpen,
            };
            prop_assert_eq!(circuit.state(), state);
            let stats = circuit.stats(now);
            if let Some(counts) = model.counts() {
                prop_assert_eq!((stats.window.total as usize, stats.window.failed as usize), counts);
            }
            prop_assert_eq!(stats.late, model.late);
            prop_assert_eq!(stats.in_flight(), in_flight.len() as u64);
        }
    }
}

/// [S5] a clock that jumps ahead ends a wait and opens nothing; one that jumps back ends no wait and opens nothing.
#[test]
fn jumps_of_the_clock() {
    let mut circuit = circuit();
    let pass = admit(&mut circuit, 1_000).expect("closed");
    settle(&mut circuit, pass, Outcome::Success, u64::MAX);
    assert_eq!(circuit.state(), State::Closed);
    let mut circuit = self::circuit();
    for now in [1_000, 1_000, 0] {
        let pass = admit(&mut circuit, 1_000).expect("closed");
        settle(&mut circuit, pass, Outcome::Failure, now);
    }
    assert_eq!(circuit.state(), State::Open);
    assert!(admit(&mut circuit, 0).is_none(), "back in time, the wait goes on");
    assert!(admit(&mut circuit, 1_000 + WAIT - 1).is_none());
    assert!(admit(&mut circuit, u64::MAX).is_some(), "a probe");
}
