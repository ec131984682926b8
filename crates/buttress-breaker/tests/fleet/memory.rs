//! A store in memory, which does what the scripts of a real one do.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use buttress_breaker::fleet::{
    FleetSettings, FleetState, Lease, ProbeResult, StateStore, SyncReply, SyncReport,
};
use buttress_error::{Error, Kind};
use tokio::time::Instant;

/// The data by which an owner reports a probe that has outlived its lease.
const SLACK: Duration = Duration::from_secs(1);

/// The server.
#[derive(Clone)]
pub(crate) struct Memory(Arc<Mutex<Server>>);

struct Server {
    /// One hash for each breaker.
    hashes: HashMap<String, Hash>,
    incarnations: u64,
    health: Health,
    exchanges: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Health {
    Up,
    /// Its answers take 40 ms.
    Slow,
    Down,
    Hung,
}

struct Hash {
    incarnation: u64,
    epoch: u64,
    state: State,
    openings: i32,
    tokens: u64,
    /// When, how many calls, how many of them failed.
    counts: Vec<(Instant, u64, u64)>,
    votes: HashMap<u32, Instant>,
    nodes: HashMap<u32, Instant>,
}

#[derive(Debug)]
enum State {
    Closed,
    Open { until: Instant },
    HalfOpen { live: Vec<(u64, Instant)>, succeeded: u32, failed: u32, lost: u32 },
}

/// One node's connection.
pub(crate) struct Node {
    memory: Memory,
    id: u32,
}

impl Memory {
    pub(crate) fn new() -> Self {
        let server = Server { hashes: HashMap::new(), incarnations: 0, health: Health::Up, exchanges: 0 };
        Self(Arc::new(Mutex::new(server)))
    }

    pub(crate) fn node(&self, id: u32) -> Node {
        Node { memory: self.clone(), id }
    }

    pub(crate) fn is_now(&self, health: Health) {
        self.0.lock().expect("no panic").health = health;
    }

    pub(crate) fn exchanges(&self) -> u64 {
        self.0.lock().expect("no panic").exchanges
    }

    /// Forgets everything.
    pub(crate) fn flush(&self) {
        self.0.lock().expect("no panic").hashes.clear();
    }

    fn script(&self, node: u32, breaker: &str, settings: &FleetSettings, report: &SyncReport) -> SyncReply {
        let mut server = self.0.lock().expect("no panic");
        let Server { hashes, incarnations, .. } = &mut *server;
        let hash = hashes.entry(breaker.to_owned()).or_insert_with(|| {
            *incarnations += 1;
            Hash::new(*incarnations)
        });
        hash.script(node, settings, report, Instant::now())
    }

    /// The calls of this epoch, and those of them that failed.
    pub(crate) fn counted(&self, breaker: &str) -> (u64, u64) {
        let server = self.0.lock().expect("no panic");
        server.hashes[breaker].sum()
    }

    pub(crate) fn state(&self, breaker: &str) -> String {
        let server = self.0.lock().expect("no panic");
        server.hashes.get(breaker).map_or_else(
            || "none".to_owned(),
            |hash| match hash.state {
                State::Closed => "closed".to_owned(),
                State::Open { .. } => "open".to_owned(),
                State::HalfOpen { .. } => "half-open".to_owned(),
            },
        )
    }
}

impl StateStore for Node {
    async fn exchange(
        &self,
        breaker: &str,
        settings: &FleetSettings,
        report: &SyncReport,
    ) -> Result<SyncReply, Error> {
        let health = {
            let mut server = self.memory.0.lock().expect("no panic");
            server.exchanges += 1;
            server.health
        };
        match health {
            Health::Up | Health::Slow => {}
            Health::Down => return Err(Error::new(Kind::Unavailable, "connection refused")),
            Health::Hung => std::future::pending().await,
        }
        let reply = self.memory.script(self.id, breaker, settings, report);
        if health == Health::Slow {
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
        Ok(reply)
    }
}

impl Hash {
    fn new(incarnation: u64) -> Self {
        let (votes, nodes) = (HashMap::new(), HashMap::new());
        let (epoch, openings, tokens) = (1, 0, 0);
        Self { incarnation, epoch, state: State::Closed, openings, tokens, counts: Vec::new(), votes, nodes }
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.epoch += 1;
        self.counts.clear();
        self.votes.clear();
    }

    fn open(&mut self, settings: &FleetSettings, now: Instant) {
        let wait =
            settings.open_wait.mul_f64(settings.open_multiplier.powi(self.openings)).min(settings.open_max);
        self.openings += 1;
        self.enter(State::Open { until: now + wait });
    }

    fn script(
        &mut self,
        node: u32,
        settings: &FleetSettings,
        report: &SyncReport,
        now: Instant,
    ) -> SyncReply {
        self.nodes.insert(node, now);
        if (report.incarnation, report.epoch) == (self.incarnation, self.epoch) {
            self.count(node, report, now);
            self.settle(settings, report, now);
        }
        self.forget(settings, now);
        self.decide(settings, now);
        let lease = self.grant(settings, report, now);
        let state = match &self.state {
            State::Closed => FleetState::Closed,
            State::Open { until } => FleetState::Open { wait: until.saturating_duration_since(now) },
            State::HalfOpen { .. } => FleetState::Open { wait: Duration::ZERO },
        };
        SyncReply { incarnation: self.incarnation, epoch: self.epoch, state, lease }
    }

    fn count(&mut self, node: u32, report: &SyncReport, now: Instant) {
        self.counts.push((now, report.succeeded + report.failed + report.throttled, report.failed));
        if report.vote {
            self.votes.insert(node, now);
        }
    }

    fn settle(&mut self, settings: &FleetSettings, report: &SyncReport, now: Instant) {
        for (lease, result) in &report.probes {
            let State::HalfOpen { live, succeeded, failed, .. } = &mut self.state else { return };
            let Some(at) =
                live.iter().position(|(token, _)| *token == lease.token && lease.epoch == self.epoch)
            else {
                continue;
            };
            live.swap_remove(at);
            match result {
                ProbeResult::Succeeded => *succeeded += 1,
                ProbeResult::Failed => *failed += 1,
                _ => {}
            }
            if *failed > settings.probes - settings.probes_to_close {
                self.open(settings, now);
            } else if *succeeded >= settings.probes_to_close {
                self.openings = 0;
                self.enter(State::Closed);
            }
        }
    }

    fn forget(&mut self, settings: &FleetSettings, now: Instant) {
        let age = |at: &Instant| now - *at;
        self.counts.retain(|(at, ..)| age(at) < settings.window);
        self.votes.retain(|_, at| age(at) < 2 * settings.window);
        self.nodes.retain(|_, at| age(at) < 2 * settings.window);
        if let State::HalfOpen { live, lost, .. } = &mut self.state {
            let before = live.len();
            live.retain(|(_, ends)| now < *ends);
            *lost += (before - live.len()) as u32;
            if *lost >= settings.probes {
                self.openings -= 1;
                self.open(settings, now);
            }
        }
    }

    fn sum(&self) -> (u64, u64) {
        self.counts.iter().fold((0, 0), |(calls, failed), (_, c, f)| (calls + c, failed + f))
    }

    fn decide(&mut self, settings: &FleetSettings, now: Instant) {
        let (calls, failed) = self.sum();
        let needed = 2.max(self.nodes.len().div_ceil(4));
        let rate = settings.failure_rate.is_some_and(|rate| failed as f64 >= rate * calls as f64);
        if matches!(self.state, State::Closed)
            && rate
            && calls >= settings.minimum_calls
            && self.votes.len() >= needed
        {
            self.open(settings, now);
        }
    }

    fn grant(&mut self, settings: &FleetSettings, report: &SyncReport, now: Instant) -> Option<Lease> {
        if report.refused == 0 {
            return None;
        }
        if matches!(self.state, State::Open { until } if until <= now) {
            self.enter(State::HalfOpen { live: Vec::new(), succeeded: 0, failed: 0, lost: 0 });
        }
        let State::HalfOpen { live, succeeded, .. } = &mut self.state else { return None };
        if live.len() as u32 + *succeeded >= settings.probes {
            return None;
        }
        self.tokens += 1;
        live.push((self.tokens, now + settings.probe_timeout + SLACK));
        Some(Lease { epoch: self.epoch, token: self.tokens, time: settings.probe_timeout })
    }
}
