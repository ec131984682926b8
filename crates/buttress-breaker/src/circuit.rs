//! The circuit as a plain value: time and outcome go in, a decision comes out. No clock, no lock, no I/O.

pub(crate) mod builder;
pub(crate) mod change;
mod fleet;
mod in_flight;
mod judge;
pub(crate) mod lease;
pub(crate) mod open_wait;
pub(crate) mod orders;
pub(crate) mod pass;
pub(crate) mod probes;
pub(crate) mod ramp;
pub(crate) mod range;
mod reconfigure;
pub(crate) mod refusal;
pub(crate) mod round;
pub(crate) mod rule;
pub(crate) mod settings;
#[cfg(test)]
mod simulation;
pub(crate) mod slow_call;
pub(crate) mod snapshot;
pub(crate) mod stats;
#[cfg(test)]
mod tests;
pub(crate) mod threshold;
pub(crate) mod time;
mod turn;
pub(crate) mod window;

use std::sync::Arc;

use buttress_error::Trip;

use crate::circuit::change::{Due, Failure, Mark, State};
use crate::circuit::fleet::Leases;
use crate::circuit::in_flight::InFlight;
use crate::circuit::lease::{Lease, ProbeResult};
use crate::circuit::open_wait::Growth;
use crate::circuit::pass::{BLIND, Pass};
use crate::circuit::ramp::Ramp;
use crate::circuit::refusal::Refusal;
use crate::circuit::round::Round;
use crate::circuit::settings::Settings;
use crate::circuit::stats::BreakerStats;
use crate::circuit::time::{NEVER, Nanos, nanos};
use crate::circuit::window::{Entry, Memory, RecentFailures, Tally};

/// The circuit. Transitions take two steps, so that time and randomness are asked for only when they matter:
/// [`admit`](Self::admit) and [`settle`](Self::settle) say what is [`Due`], `turn` makes it.
#[derive(Debug)]
pub(crate) struct Circuit {
    name: Arc<str>,
    /// Shared with the other breakers of many keys.
    settings: Arc<Settings>,
    phase: Phase,
    /// Decides, but never refuses.
    shadow: bool,
    /// Counts the phases, from 1; [`BLIND`] is none of them.
    epoch: u64,
    /// The latest time seen: the circuit's time never goes backwards.
    latest: Nanos,
    /// Those of the windows of the settings.
    memories: Vec<Memory>,
    /// Those of the rules about failures within a time.
    recent_failures: Vec<RecentFailures>,
    /// The calls of this epoch of the closed circuit, where a rule asks for their age.
    in_flight: InFlight,
    /// Failures in a row.
    streak: u32,
    /// The last failure of this epoch of the closed circuit, or of the probes.
    last: Option<Failure>,
    /// Until when the dependency asked us to wait, in this epoch.
    asked: Nanos,
    growth: Growth,
    /// While the closed circuit takes only a part of the calls.
    ramp: Option<Ramp>,
    /// What has become of the fleet's probes, to be told to it.
    probed: Vec<(Lease, ProbeResult)>,
    /// The next ticket of a probe that the fleet grants.
    tickets: u32,
    stats: BreakerStats,
}

#[derive(Debug)]
enum Phase {
    Closed {
        since: Nanos,
    },
    Open {
        since: Nanos,
        until: Nanos,
        trip: Arc<Trip>,
    },
    HalfOpen {
        since: Nanos,
        trip: Arc<Trip>,
        round: Round,
    },
    ForcedOpen {
        since: Nanos,
    },
    Disabled {
        since: Nanos,
    },
    /// Open by the fleet's word: only leased probes pass.
    Fleet {
        since: Nanos,
        until: Nanos,
        trip: Arc<Trip>,
        leases: Leases,
    },
}

/// How soon a refused call should come back, when nobody knows: the fleet looks so often.
const SYNC: Nanos = 200_000_000;

/// The answer to a call that wants to pass.
#[derive(Debug)]
pub(crate) enum Answer {
    Pass(Pass),
    Refuse(Refusal),
    /// Make this transition and ask again.
    Due(Due),
}

impl Circuit {
    pub(crate) fn new(name: Arc<str>, settings: impl Into<Arc<Settings>>) -> Self {
        let settings = settings.into();
        Self {
            name,
            memories: settings.windows.iter().map(|window| Memory::new(*window)).collect(),
            recent_failures: settings.recent_failures().collect(),
            in_flight: InFlight::new(settings.ages()),
            settings,
            phase: Phase::Closed { since: 0 },
            shadow: false,
            epoch: BLIND + 1,
            latest: 0,
            streak: 0,
            last: None,
            asked: 0,
            probed: Vec::new(),
            tickets: 0,
            growth: Growth::default(),
            ramp: None,
            stats: BreakerStats::default(),
        }
    }

    /// May a call pass now?
    pub(crate) fn admit(&mut self, now: Nanos) -> Answer {
        let now = self.tick(now);
        if let Some(due) = self.overdue(now) {
            return Answer::Due(due);
        }
        if let Some(answer) = self.held_back(now) {
            return answer;
        }
        match &mut self.phase {
            Phase::Closed { .. } if self.settings.watches_ages() => {
                let ticket = self.in_flight.add(now);
                return self.pass(now, ticket);
            }
            Phase::Closed { .. } | Phase::Disabled { .. } => return self.pass(now, None),
            Phase::Open { until, .. } if *until <= now => return Answer::Due(Due::HalfOpen),
            Phase::Open { .. } | Phase::ForcedOpen { .. } => {}
            Phase::Fleet { .. } => {
                if let Some(ticket) = self.take_lease(now) {
                    return self.pass(now, Some(ticket));
                }
            }
            Phase::HalfOpen { round, .. } => {
                if let Some(ticket) = round.take(now) {
                    return self.pass(now, Some(ticket));
                }
            }
        }
        match self.refusal(now) {
            Some(refusal) => Answer::Refuse(refusal),
            None => self.shadowed(now),
        }
    }

    /// A ramp holds this call back.
    fn held_back(&mut self, now: Nanos) -> Option<Answer> {
        let (Some(ramp), Phase::Closed { since }) = (&mut self.ramp, &self.phase) else { return None };
        if ramp.admits(now) {
            None
        } else if self.shadow {
            Some(self.shadowed(now))
        } else {
            let (percent, until) = (ramp.percent(now), ramp.step_ends(now));
            let name = Arc::clone(&self.name);
            Some(Answer::Refuse(Refusal::Ramping { name, percent, since: *since, until }))
        }
    }

    /// The call would be refused, but for the shadow.
    fn shadowed(&mut self, now: Nanos) -> Answer {
        self.stats.shadowed += 1;
        Answer::Pass(Pass::new(BLIND, now, None))
    }

    /// What follows from calls that have taken too long by now.
    pub(crate) fn overdue(&mut self, now: Nanos) -> Option<Due> {
        let now = self.tick(now);
        if self.ramp.as_ref().is_some_and(|ramp| ramp.is_over(now)) {
            return Some(Due::Ramped);
        }
        match &mut self.phase {
            Phase::Closed { .. } if self.settings.watches_ages() => self.stuck(now),
            _ => self.expire(now),
        }
    }

    /// Ends the leases that have ended by `now`, and says what follows.
    fn expire(&mut self, now: Nanos) -> Option<Due> {
        match &mut self.phase {
            Phase::HalfOpen { round, .. } => {
                let (expired, ended) = round.expire(now)?;
                self.stats.expired += u64::from(expired);
                self.last.get_or_insert_with(Failure::unanswered);
                self.probes_say(Some(ended))
            }
            Phase::Fleet { .. } => {
                self.expire_leases(now);
                None
            }
            _ => None,
        }
    }

    /// Beyond which a call that ends now is slow: for a probe, by the settings with which its round began.
    fn slow_call_limit(&self) -> Option<Nanos> {
        match &self.phase {
            Phase::HalfOpen { round, .. } => round.slow_call(),
            _ => self.settings.slow_call,
        }
    }

    fn pass(&mut self, now: Nanos, ticket: Option<u32>) -> Answer {
        self.stats.admitted += 1;
        Answer::Pass(Pass::new(self.epoch, now, ticket))
    }

    /// The epoch, if the circuit is open by its own decision and refuses every call; else zero, which is none.
    pub(crate) const fn shut_epoch(&self) -> u64 {
        match self.phase {
            Phase::Open { .. } if !self.shadow => self.epoch,
            _ => BLIND,
        }
    }

    /// Why a call at this time would be refused, if it would be whoever asks: a ramp decides for each call.
    pub(crate) fn refusal(&self, now: Nanos) -> Option<Refusal> {
        let now = now.max(self.latest);
        match &self.phase {
            _ if self.shadow => None,
            Phase::Closed { .. } | Phase::Disabled { .. } => None,
            Phase::Open { since, until, trip } => {
                (now < *until).then(|| Refusal::Open { trip: Arc::clone(trip), since: *since, until: *until })
            }
            Phase::HalfOpen { since, trip, round } => round.refuses(now).then(|| Refusal::Probing {
                trip: Arc::clone(trip),
                since: *since,
                until: round.next_end().unwrap_or(now),
            }),
            Phase::Fleet { since, until, trip, leases } => (!leases.has_one(now)).then(|| Refusal::Open {
                trip: Arc::clone(trip),
                since: *since,
                // When it is over, a probe may be granted at any time.
                until: (*until).max(now.saturating_add(SYNC)),
            }),
            Phase::ForcedOpen { since } => {
                Some(Refusal::Forced { name: Arc::clone(&self.name), since: *since })
            }
        }
    }

    /// Counts a call that was refused.
    pub(crate) const fn refused(&mut self) {
        self.stats.rejected += 1;
    }

    /// So many calls have succeeded that passed without being asked and were admitted in this epoch, so many in earlier
    /// ones. They belong to the latest time seen.
    pub(crate) fn succeeded(&mut self, timely: u64, late: u64) {
        self.stats.late += late;
        if timely > 0 {
            self.stats.succeeded += timely;
            self.streak = 0;
            // An order or an admission may have seen a later time than the windows have.
            self.roll(self.latest);
            self.memories.iter_mut().for_each(|memory| memory.record_oks(timely));
        }
    }

    /// Moves the windows on.
    pub(crate) fn roll(&mut self, now: Nanos) {
        let now = self.tick(now);
        for memory in &mut self.memories {
            memory.tally(now);
        }
    }

    /// An admitted call has ended. Without a time it ends at the latest time seen, its admission's at least. `failure` is
    /// what a failed call leaves for later rejections to tell of; it is swapped for the one before it, for the caller to
    /// drop.
    pub(crate) fn settle(
        &mut self,
        pass: &Pass,
        mark: Mark,
        now: Option<Nanos>,
        failure: &mut Option<Failure>,
    ) -> Option<Due> {
        let now = match now {
            Some(now) => self.tick(now),
            None if pass.is_timed() => self.tick(pass.at()),
            None => self.latest,
        };
        if pass.is_blind() || pass.is_taken() {
            return None;
        }
        let elapsed = pass.elapsed(now);
        let mark = self.judge(mark, elapsed);
        // A probe that ends with its lease is in time.
        let due = self.expire(now.saturating_sub(1));
        if due.is_some() || !self.is_timely(pass) {
            self.stats.late += 1;
            return due;
        }
        let slow = self.slow_call_limit().is_some_and(|limit| elapsed > limit);
        if let (Phase::Fleet { .. }, Some(ticket)) = (&self.phase, pass.ticket()) {
            self.end_lease(ticket, mark, slow);
        }
        let mut entry = match mark {
            Mark::Success => Entry::OK,
            Mark::Failure => Entry::FAILED,
            Mark::Throttle => Entry::THROTTLED,
            Mark::Neutral | Mark::Abandoned => {
                self.stats.neutral += 1;
                return None;
            }
        };
        if slow {
            entry = entry.and(Entry::SLOW);
        }
        self.count(mark, entry);
        if let Some(failure) = failure {
            let wait = failure.retry_after.min(nanos(self.settings.open_wait.max_retry_after));
            self.asked = self.asked.max(now.saturating_add(wait));
        }
        if mark != Mark::Success {
            std::mem::swap(&mut self.last, failure);
        }
        if let Phase::HalfOpen { round, .. } = &mut self.phase {
            round.count(entry);
            return self.probes_say(None);
        }
        if let Phase::Fleet { .. } = self.phase {
            return None;
        }
        self.memories.iter_mut().for_each(|memory| memory.record(entry, now));
        match mark {
            Mark::Success => self.streak = 0,
            Mark::Failure => {
                self.streak = self.streak.saturating_add(1);
                self.recent_failures.iter_mut().for_each(|recent| recent.record(now));
            }
            _ => {}
        }
        let rule = self.broken_rule(now)?;
        Some(Due::Open { rule, since: None })
    }

    /// What an abandoned call means.
    fn judge(&mut self, mark: Mark, elapsed: Nanos) -> Mark {
        if !matches!(mark, Mark::Abandoned) {
            return mark;
        }
        self.stats.abandoned += 1;
        if elapsed >= self.settings.abandon_after { Mark::Failure } else { Mark::Neutral }
    }

    /// Does the result belong to this epoch, and had its probe still got its slot? Gives back what the call held.
    fn is_timely(&mut self, pass: &Pass) -> bool {
        pass.epoch() == self.epoch
            && match (&mut self.phase, pass.ticket()) {
                (Phase::HalfOpen { round, .. }, Some(ticket)) => round.give_back(ticket),
                (Phase::Closed { .. }, Some(ticket)) => {
                    self.in_flight.remove(ticket);
                    true
                }
                (Phase::Fleet { leases, .. }, Some(ticket)) => leases.is_live(ticket),
                (Phase::Closed { .. } | Phase::Disabled { .. }, None) => true,
                _ => false,
            }
    }

    fn count(&mut self, mark: Mark, entry: Entry) {
        *match mark {
            Mark::Failure => &mut self.stats.failed,
            Mark::Throttle => &mut self.stats.throttled,
            _ => &mut self.stats.succeeded,
        } += 1;
        self.stats.slow += u64::from(entry.is_slow());
    }

    /// Time never goes backwards.
    fn tick(&mut self, now: Nanos) -> Nanos {
        self.latest = self.latest.max(now);
        self.latest
    }

    pub(crate) const fn settings(&self) -> &Arc<Settings> {
        &self.settings
    }

    pub(crate) const fn state(&self) -> State {
        match self.phase {
            Phase::Closed { .. } => State::Closed,
            Phase::Open { .. } => State::Open,
            Phase::HalfOpen { .. } => State::HalfOpen,
            Phase::ForcedOpen { .. } => State::ForcedOpen,
            Phase::Disabled { .. } => State::Disabled,
            Phase::Fleet { .. } => State::Open,
        }
    }

    /// When the present step of a ramp ends, which holds calls back until then.
    pub(crate) fn step_ends(&self, now: Nanos) -> Option<Nanos> {
        let now = now.max(self.latest);
        let ramp = self.ramp.as_ref().filter(|ramp| !self.shadow && !ramp.is_over(now))?;
        Some(ramp.step_ends(now))
    }

    pub(crate) const fn is_shadow(&self) -> bool {
        self.shadow
    }

    pub(crate) const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The epoch, if every call may pass without being asked; else zero, which is none.
    pub(crate) fn open_epoch(&self) -> u64 {
        match self.phase {
            Phase::Closed { .. } if self.ramp.is_some() || self.settings.watches_ages() => BLIND,
            Phase::Closed { .. } | Phase::Disabled { .. } => self.epoch,
            _ => BLIND,
        }
    }

    /// The epoch, if a success that is not slow has only to be counted, and may be so later; else zero, which is none.
    pub(crate) fn calm_epoch(&self) -> u64 {
        match self.phase {
            Phase::Disabled { .. } => self.epoch,
            // Calls that ask move the time on, and so would the successes that wait to be reported.
            Phase::Closed { .. } if self.ramp.is_none() && !self.fears_success() => self.epoch,
            _ => BLIND,
        }
    }

    /// When the next window that calls are counted in moves on, or [`NEVER`].
    pub(crate) fn turns_at(&self) -> Nanos {
        let ends = self.memories.iter().map(Memory::turns_at).min().unwrap_or(NEVER);
        if self.open_epoch() == BLIND { NEVER } else { ends }
    }

    /// The limit of a slow call, or [`NEVER`].
    pub(crate) fn slow_call(&self) -> Nanos {
        match self.settings.slow_call {
            Some(limit) => limit,
            None => NEVER,
        }
    }

    pub(crate) fn abandon_after(&self) -> Nanos {
        self.settings.abandon_after
    }

    /// Without the calls that passed or were refused unasked.
    pub(crate) fn stats(&mut self, now: Nanos) -> BreakerStats {
        let now = self.tick(now);
        let window = match &self.phase {
            Phase::HalfOpen { round, .. } => round.settled(),
            _ if self.settings.windows[0].streak().is_some() => {
                Tally { total: self.streak, failed: self.streak, ..Tally::default() }
            }
            _ => self.memories[0].tally(now),
        };
        BreakerStats { window: window.into(), ..self.stats }
    }
}
