//! `Flight`: which run of a remedy a failure has to wait for. A plain value.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::RemedyStats;

/// At most one run at a time, and so many a minute. `W` is what callers wait with.
#[derive(Debug)]
pub(super) struct Flight<W> {
    time_limit: Duration,
    runs_per_minute: u32,
    /// The runs of the last minute, by their begin.
    recent: VecDeque<Instant>,
    running: Option<Running<W>>,
    /// When the latest success was, by the [logical clock](super::clock).
    healed: u64,
    stats: RemedyStats,
}

#[derive(Debug)]
struct Running<W> {
    number: u64,
    /// It is over then, even if it hangs.
    until: Instant,
    wait: W,
}

/// What a failure is told.
#[derive(Debug, PartialEq)]
pub(super) enum Answer<W> {
    /// A run has succeeded since the attempt that failed began: nothing is left to do.
    Healed,
    /// There is a run under way.
    Join(W, Instant),
    /// There is none: the caller has to start this one.
    Start(W, Instant, u64),
    /// Enough for this minute.
    Spent,
}

impl<W: Clone> Flight<W> {
    pub(super) const fn new(time_limit: Duration, runs_per_minute: u32) -> Self {
        let stats = RemedyStats { succeeded: 0, failed: 0, shared: 0, refused: 0 };
        Self { time_limit, runs_per_minute, recent: VecDeque::new(), running: None, healed: 0, stats }
    }

    /// An attempt that began at `began` of the logical clock has failed. `wait` is for the run, should it be a new one.
    pub(super) fn ask(&mut self, began: u64, now: Instant, wait: W) -> Answer<W> {
        if began < self.healed {
            self.stats.shared += 1;
            return Answer::Healed;
        }
        if let Some(running) = self.running.as_ref().filter(|running| now < running.until) {
            self.stats.shared += 1;
            return Answer::Join(running.wait.clone(), running.until);
        }
        // A run that was given up on, since it took too long, has failed; what it says later is not heard.
        self.stats.failed += u64::from(self.running.take().is_some());
        while self.recent.front().is_some_and(|began| now.saturating_duration_since(*began) >= MINUTE) {
            self.recent.pop_front();
        }
        if self.recent.len() >= self.runs_per_minute as usize {
            self.stats.refused += 1;
            return Answer::Spent;
        }
        self.recent.push_back(now);
        let until = now.checked_add(self.time_limit).unwrap_or(now + FOREVER);
        let number = self.stats.succeeded + self.stats.failed + 1;
        self.running = Some(Running { number, until, wait: wait.clone() });
        Answer::Start(wait, until, number)
    }

    /// Run `number` has ended. `healed` is the time of its success. False if nobody waits for it any more.
    pub(super) fn ended(&mut self, number: u64, healed: Option<u64>) -> bool {
        // A success counts even if it is late: what it has healed is healed.
        self.healed = self.healed.max(healed.unwrap_or(0));
        let current = self.is_running(number);
        if current {
            self.running = None;
            match healed {
                Some(_) => self.stats.succeeded += 1,
                None => self.stats.failed += 1,
            }
        }
        current
    }

    /// Is run `number` the one that callers wait for?
    pub(super) fn is_running(&self, number: u64) -> bool {
        self.running.as_ref().is_some_and(|running| running.number == number)
    }

    pub(super) const fn stats(&self) -> RemedyStats {
        self.stats
    }
}

const MINUTE: Duration = Duration::from_secs(60);

/// Thirty years, as tokio's timer takes it.
const FOREVER: Duration = Duration::from_secs(86400 * 365 * 30);

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    /// [S17] a run that hangs is over at its limit: the next one may begin, and its own late success still counts.
    #[test]
    fn a_run_that_hangs() {
        let (mut flight, now) = (Flight::new(LIMIT, 10), Instant::now());
        let late = now + LIMIT;
        assert_eq!(flight.ask(0, now, "first"), Answer::Start("first", late, 1));
        assert_eq!(flight.ask(0, late - LIMIT / 2, "x"), Answer::Join("first", late));
        assert_eq!(flight.ask(0, late, "second"), Answer::Start("second", late + LIMIT, 2));
        assert!(!flight.ended(1, Some(1)), "nobody waits for it");
        assert_eq!(flight.ask(0, late, "x"), Answer::Healed);
        assert_eq!(flight.ask(1, late, "x"), Answer::Join("second", late + LIMIT));
        assert!(flight.ended(2, None));
        let stats = flight.stats();
        assert_eq!((stats.succeeded, stats.failed, stats.shared, stats.refused), (0, 2, 3, 0));
    }

    /// [S17] no more runs in any minute than allowed, and no end of times on the clock.
    #[test]
    fn so_many_a_minute() {
        let (mut flight, mut now) = (Flight::new(Duration::MAX, 3), Instant::now());
        let mut begun = Vec::new();
        for n in 1.. {
            match flight.ask(n, now, ()) {
                Answer::Start((), _, number) => {
                    begun.push(now);
                    assert!(flight.ended(number, None));
                }
                Answer::Spent => now += Duration::from_secs(7),
                other => panic!("{other:?}"),
            }
            if begun.len() == 30 {
                break;
            }
        }
        assert!(begun.windows(4).all(|runs| runs[3] - runs[0] >= MINUTE));
    }
}
