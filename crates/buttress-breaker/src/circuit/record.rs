//! `Record`: what a circuit has counted of its calls.

use buttress_error::TripReason;

use crate::circuit::outcome::Outcome;
use crate::circuit::rule::{Comparison, Measure};
use crate::circuit::settings::{Check, RateCheck, Settings};
use crate::circuit::time::{NEVER, Nanos};
use crate::circuit::window::{Entry, RecentFailures, Tally, Window, WindowState, refill};

/// The calls that the rules judge: windows, recent failures, and failures in a row.
///
/// An open circuit keeps the record for its owner to read. A circuit that closes clears it.
#[derive(Debug)]
pub(super) struct Record {
    /// One for each window of the settings.
    windows: Vec<WindowState>,
    /// One for each rule about failures within a time.
    recent_failures: Vec<RecentFailures>,
    /// Failures in a row.
    streak: u32,
}

impl Record {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            windows: settings.windows.iter().map(|window| WindowState::new(*window)).collect(),
            recent_failures: settings.recent_failures().collect(),
            streak: 0,
        }
    }

    pub(super) fn add(&mut self, outcome: Outcome, entry: Entry, now: Nanos) {
        self.windows.iter_mut().for_each(|window| window.record(entry, now));
        match outcome {
            Outcome::Success => self.streak = 0,
            Outcome::Failure => {
                self.streak = self.streak.saturating_add(1);
                self.recent_failures.iter_mut().for_each(|recent| recent.record(now));
            }
            _ => {}
        }
    }

    /// Adds `calls` successes at `now`.
    pub(super) fn add_successes(&mut self, calls: u64, now: Nanos) {
        self.streak = 0;
        // An order or an admission may have seen a later time than the windows have.
        self.advance(now);
        self.windows.iter_mut().for_each(|window| window.record_successes(calls));
    }

    /// Slides the windows to `now`.
    pub(super) fn advance(&mut self, now: Nanos) {
        for window in &mut self.windows {
            window.tally(now);
        }
    }

    pub(super) fn clear(&mut self) {
        self.windows.iter_mut().for_each(WindowState::clear);
        self.recent_failures.iter_mut().for_each(RecentFailures::clear);
        self.streak = 0;
    }

    /// Replaces the windows by those of new settings, which keep as much of the old ones as they can hold.
    pub(super) fn reconfigure(&mut self, old: &Settings, new: &Settings, now: Nanos) {
        self.advance(now);
        let windows = old.windows.iter().copied().zip(std::mem::take(&mut self.windows)).collect();
        self.windows = refill(&new.windows, windows, now);
        let failures = std::mem::replace(&mut self.recent_failures, new.recent_failures().collect());
        self.recent_failures.iter_mut().for_each(|recent| recent.refill(&failures));
    }

    /// Returns the reason to open if the calls break the rule. A rule about calls in flight needs
    /// [`Closed`](super::closed::Closed).
    pub(super) fn breaks(&mut self, check: &Check, now: Nanos) -> Option<TripReason> {
        match *check {
            Check::Rate(check) => {
                let tally = self.windows[check.window].tally(now);
                if tally.total >= check.minimum { check.broken(&tally) } else { None }
            }
            Check::Streak(limit) => {
                (self.streak >= limit).then_some(TripReason::Streak { failures: self.streak })
            }
            Check::FailuresWithin { failures, time, number } => {
                let broken = self.recent_failures[number].is_broken(now);
                broken.then_some(TripReason::FailuresWithin { failures, window: time })
            }
            Check::Stuck { .. } => None,
        }
    }

    /// Returns `true` if no success can break a rule before the record changes. A success breaks a rule only by completing
    /// the minimum of calls, or after a window has slid.
    pub(super) fn success_is_inert(&self, settings: &Settings, now: Nanos) -> bool {
        self.windows.iter().all(|window| window.ends_at() > now)
            && settings.checks.iter().all(|check| match *check {
                Check::Rate(check) => {
                    let tally = self.windows[check.window].latest_tally();
                    check.broken(&Tally { total: tally.total.max(check.minimum), ..tally }).is_none()
                }
                Check::Streak(_) => true,
                // Broken without a failure only after a reconfiguration.
                Check::FailuresWithin { number, .. } => !self.recent_failures[number].is_broken(now),
                Check::Stuck { .. } => false,
            })
    }

    /// Returns when the next window slides, or [`NEVER`].
    pub(super) fn next_slide(&self) -> Nanos {
        self.windows.iter().map(WindowState::ends_at).min().unwrap_or(NEVER)
    }

    /// Returns the tally that [`BreakerStats`](crate::BreakerStats) shows.
    pub(super) fn shown(&mut self, settings: &Settings, now: Nanos) -> Tally {
        if settings.windows[0].streak().is_some() {
            Tally { total: self.streak, failed: self.streak, ..Tally::default() }
        } else {
            self.windows[0].tally(now)
        }
    }

    pub(super) fn tallies(&mut self, settings: &Settings, now: Nanos) -> Vec<(Window, Tally)> {
        let tallies = self.windows.iter_mut().map(|window| window.tally(now));
        settings.windows.iter().copied().zip(tallies).collect()
    }

    pub(super) const fn streak(&self) -> u32 {
        self.streak
    }
}

impl RateCheck {
    /// Returns the reason to open if the calls of this window break the rule.
    fn broken(&self, tally: &Tally) -> Option<TripReason> {
        let Self { measure, threshold, span: window, .. } = *self;
        let Tally { total: calls, failed, slow, throttled } = *tally;
        let count = match measure {
            Measure::Failed => failed,
            Measure::Slow => slow,
            Measure::Throttled => throttled,
        };
        let broken = match self.comparison {
            Comparison::Plain => threshold.is_reached(count, calls),
            // In a small count window even all calls may not exceed the threshold by enough. There is no more evidence to
            // wait for.
            Comparison::Evidence => {
                threshold.is_exceeded(count, calls) || count == calls && self.capacity == Some(calls)
            }
        };
        let threshold = threshold.rate();
        broken.then_some(match measure {
            Measure::Failed => TripReason::Rate { failed, calls, threshold, window },
            Measure::Slow => TripReason::SlowRate { slow, calls, threshold, window },
            Measure::Throttled => TripReason::ThrottleRate { throttled, calls, threshold, window },
        })
    }
}
