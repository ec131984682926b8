//! `Flight`: which run of a remedy a failure has to wait for. A plain value.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::RemedyStats;

/// At most one run at a time, none soon after one that failed, and so many a minute. `W` is what callers wait with.
#[derive(Debug)]
pub(super) struct Flight<W> {
    time_limit: Duration,
    runs_per_minute: u32,
    /// The runs of the last minute, by their begin.
    recent: VecDeque<Instant>,
    running: Option<Running<W>>,
    failed: Option<Failed<W>>,
    /// Runs that failed since the latest success.
    failures: u32,
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

/// The latest run, which failed: until then nobody tries again.
#[derive(Debug)]
struct Failed<W> {
    until: Instant,
    wait: W,
    /// Until then what it has said may still be on its way, by the log. (One that took too long has said nothing.) Not as
    /// long as the pause: the log may wait for who waits here.
    heard: Instant,
}

/// What a failure is told.
#[derive(Debug, PartialEq)]
pub(super) enum Answer<W> {
    /// A run has succeeded since the attempt that failed began: nothing is left to do.
    Healed,
    /// There is a run under way, or one has failed a moment ago: wait for what it says, until then at most.
    Join(W, Instant),
    /// There is none: the caller has to start this one.
    Start(W, Instant, u64),
    /// Enough for this minute.
    Spent,
}

impl<W: Clone> Flight<W> {
    pub(super) const fn new(time_limit: Duration, runs_per_minute: u32) -> Self {
        let stats = RemedyStats { succeeded: 0, failed: 0, shared: 0, refused: 0 };
        let (running, failed) = (None, None);
        let recent = VecDeque::new();
        Self { time_limit, runs_per_minute, recent, running, failed, failures: 0, healed: 0, stats }
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
        if let Some(Running { until, wait, .. }) = self.running.take() {
            self.fail(until, until, wait);
        }
        if let Some(failed) = self.failed.as_ref().filter(|failed| now < failed.until) {
            self.stats.shared += 1;
            return Answer::Join(failed.wait.clone(), failed.heard);
        }
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

    /// Run `number` has ended `now`. `healed` is the time of its success, by the logical clock. False if nobody waits for it
    /// any more.
    pub(super) fn ended(&mut self, number: u64, now: Instant, healed: Option<u64>) -> bool {
        // A success counts even if it is late: what it has healed is healed.
        if let Some(healed) = healed {
            self.healed = self.healed.max(healed);
            self.failures = 0;
            self.failed = None;
        }
        let current = self.running.take_if(|running| running.number == number);
        match (&current, healed) {
            (Some(_), Some(_)) => self.stats.succeeded += 1,
            (Some(running), None) => self.fail(now, now + FIRST_PAUSE, running.wait.clone()),
            (None, _) => {}
        }
        current.is_some()
    }

    /// A run failed at `at`. Its failure is everybody's for a while, which doubles with each further one: who fails at once
    /// would else have used up a minute's runs in no time, and be left without when it could heal again.
    fn fail(&mut self, at: Instant, heard: Instant, wait: W) {
        self.stats.failed += 1;
        let pause = FIRST_PAUSE.saturating_mul(1_u32.checked_shl(self.failures).unwrap_or(u32::MAX));
        self.failures = self.failures.saturating_add(1);
        self.failed = Some(Failed { until: at + pause.min(LONGEST_PAUSE), wait, heard });
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

/// After the first run that failed.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Thirty years, as tokio's timer takes it.
const FOREVER: Duration = Duration::from_secs(86400 * 365 * 30);

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    /// [S17] a run that hangs is over at its limit: soon after the next one may begin, and its own late success still counts.
    #[test]
    fn a_run_that_hangs() {
        let (mut flight, now) = (Flight::new(LIMIT, 10), Instant::now());
        let late = now + LIMIT;
        assert_eq!(flight.ask(0, now, "first"), Answer::Start("first", late, 1));
        assert_eq!(flight.ask(0, late - LIMIT / 2, "x"), Answer::Join("first", late));
        assert_eq!(
            flight.ask(0, late, "x"),
            Answer::Join("first", late),
            "there is nothing left to wait for"
        );
        assert_eq!(flight.stats().failed, 1);
        let next = late + FIRST_PAUSE;
        assert_eq!(flight.ask(0, next, "second"), Answer::Start("second", next + LIMIT, 2));
        assert!(!flight.ended(1, next, Some(1)), "nobody waits for it");
        assert_eq!(flight.ask(0, next, "x"), Answer::Healed);
        assert_eq!(flight.ask(1, next, "x"), Answer::Join("second", next + LIMIT));
        assert!(flight.ended(2, next, None));
        let stats = flight.stats();
        assert_eq!((stats.succeeded, stats.failed, stats.shared, stats.refused), (0, 2, 4, 0));
    }

    /// [S17] no more runs in any minute than allowed, and no end of times on the clock.
    #[test]
    fn so_many_a_minute() {
        let (mut flight, mut now) = (Flight::new(Duration::MAX, 3), Instant::now());
        let mut begun = Vec::new();
        for n in 1..1000 {
            match flight.ask(n, now, ()) {
                Answer::Start((), until, number) => {
                    assert!(until > now + 10_000 * MINUTE);
                    begun.push(now);
                    assert!(flight.ended(number, now, Some(n)));
                }
                Answer::Spent => now += Duration::from_secs(7),
                other => panic!("{other:?}"),
            }
            if begun.len() == 30 {
                break;
            }
        }
        assert_eq!(begun.len(), 30);
        assert!(begun.windows(4).all(|runs| runs[3] - runs[0] >= MINUTE));
    }

    /// Issue E 51. [S17] Runs that fail count like those that succeed, the first as well as those after a failed one.
    #[test]
    fn failed_runs_are_counted() {
        let (mut flight, now) = (Flight::new(LIMIT, 3), Instant::now());
        for (number, begun) in [(1, 0), (2, 1), (3, 2)] {
            let now = now + Duration::from_secs(begun);
            assert_eq!(flight.ask(0, now, ()), Answer::Start((), now + LIMIT, number));
            assert!(flight.ended(number, now, None));
        }
        assert_eq!(flight.ask(0, now + MINUTE / 2, ()), Answer::Spent);
        assert_eq!(flight.ask(0, now + MINUTE, ()), Answer::Start((), now + MINUTE + LIMIT, 4));
    }

    /// [S17] runs that fail at once are spread over the minute, each after twice the pause, and no pause is longer than the
    /// longest; a success ends that.
    #[test]
    fn failures_are_spaced() {
        let (mut flight, start) = (Flight::new(LIMIT, 1000), Instant::now());
        let runs = |flight: &mut Flight<u64>, healed: u64, from: Instant, seconds: u64| -> Vec<u64> {
            let mut begun = Vec::new();
            for passed in 0..seconds * 100 {
                let now = from + 10 * Duration::from_millis(passed);
                if let Answer::Start(_, _, number) = flight.ask(healed, now, passed) {
                    begun.push(10 * passed);
                    assert!(flight.ended(number, now, None));
                    let shared = Answer::Join(passed, now + FIRST_PAUSE);
                    assert_eq!(
                        flight.ask(healed, now, u64::MAX),
                        shared,
                        "it waits for the log, and not long"
                    );
                }
            }
            begun
        };
        let spread = [0, 100, 300, 700, 1_500, 3_100, 6_300, 12_700, 25_500, 51_100, 81_100, 111_100];
        assert_eq!(runs(&mut flight, 0, start, 120), spread);
        let later = start + 2 * MINUTE;
        assert_eq!(flight.ask(0, later + MINUTE, 0), Answer::Start(0, later + MINUTE + LIMIT, 13));
        assert!(flight.ended(13, later + MINUTE, Some(1)));
        assert_eq!(runs(&mut flight, 1, later + MINUTE, 1), spread[..4]);
    }
}
