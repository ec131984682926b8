//! `SingleFlight`: whether a failure starts a run of a remedy, joins one, or needs none. A plain value.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::RemedyStats;

/// Allows one run at a time, pauses after failed runs, and limits the runs per minute. Callers wait on a `W`.
#[derive(Debug)]
pub(super) struct SingleFlight<W> {
    time_limit: Duration,
    runs_per_minute: u32,
    /// The start times of the runs of the last minute.
    recent: VecDeque<Instant>,
    running: Option<Running<W>>,
    failed: Option<Failed<W>>,
    /// The number of failed runs since the latest success.
    failures: u32,
    /// The [logical time](super::clock) of the latest success.
    succeeded_at: u64,
    stats: RemedyStats,
}

#[derive(Debug)]
struct Running<W> {
    number: u64,
    /// When the run counts as failed, even if it hangs.
    until: Instant,
    wait: W,
}

/// The latest run, which failed.
#[derive(Debug)]
struct Failed<W> {
    /// The end of the pause in which no run begins.
    until: Instant,
    wait: W,
    /// How long to wait for its result, which is published after its event. This is less than the pause, because the
    /// subscriber may itself wait for a call that waits here. (A run that exceeded its time limit has no result.)
    result_until: Instant,
}

/// The decision about one failure.
#[derive(Debug, PartialEq)]
pub(super) enum Admission<W> {
    /// A run has succeeded since the failed attempt began.
    AlreadyDone,
    /// Wait for the result of a run that is under way or has just failed, until then at most.
    Join(W, Instant),
    /// Start the run of this number, and wait for it until then at most.
    Start(W, Instant, u64),
    /// There were too many runs in the last minute.
    Refused,
}

impl<W: Clone> SingleFlight<W> {
    pub(super) const fn new(time_limit: Duration, runs_per_minute: u32) -> Self {
        let stats = RemedyStats { succeeded: 0, failed: 0, shared: 0, refused: 0 };
        let recent = VecDeque::new();
        Self {
            time_limit,
            runs_per_minute,
            recent,
            running: None,
            failed: None,
            failures: 0,
            succeeded_at: 0,
            stats,
        }
    }

    /// Decides about the failure of an attempt that began at the logical time `began`. If a run starts, others wait for it
    /// on `wait`.
    pub(super) fn admit(&mut self, began: u64, now: Instant, wait: W) -> Admission<W> {
        if began < self.succeeded_at {
            self.stats.shared += 1;
            return Admission::AlreadyDone;
        }
        if let Some(running) = self.running.as_ref().filter(|running| now < running.until) {
            self.stats.shared += 1;
            return Admission::Join(running.wait.clone(), running.until);
        }
        // A run that exceeded its time limit has failed. Its late result is ignored, unless it is a success.
        if let Some(Running { until, wait, .. }) = self.running.take() {
            self.fail(until, until, wait);
        }
        if let Some(failed) = self.failed.as_ref().filter(|failed| now < failed.until) {
            self.stats.shared += 1;
            return Admission::Join(failed.wait.clone(), failed.result_until);
        }
        while self.recent.front().is_some_and(|began| now.saturating_duration_since(*began) >= MINUTE) {
            self.recent.pop_front();
        }
        if self.recent.len() >= self.runs_per_minute as usize {
            self.stats.refused += 1;
            return Admission::Refused;
        }
        self.recent.push_back(now);
        let until = now.checked_add(self.time_limit).unwrap_or(now + FAR_FUTURE);
        let number = self.stats.succeeded + self.stats.failed + 1;
        self.running = Some(Running { number, until, wait: wait.clone() });
        Admission::Start(wait, until, number)
    }

    /// Records that run `number` has ended. `succeeded_at` is the logical time of its success. Returns `false` if the run had
    /// exceeded its time limit, so that no call waits for it.
    pub(super) fn ended(&mut self, number: u64, now: Instant, succeeded_at: Option<u64>) -> bool {
        // Even a late success removes the cause of the failures.
        if let Some(at) = succeeded_at {
            self.succeeded_at = self.succeeded_at.max(at);
            self.failures = 0;
            self.failed = None;
        }
        let current = self.running.take_if(|running| running.number == number);
        match (&current, succeeded_at) {
            (Some(_), Some(_)) => self.stats.succeeded += 1,
            (Some(running), None) => self.fail(now, now + FIRST_PAUSE, running.wait.clone()),
            (None, _) => {}
        }
        current.is_some()
    }

    /// Records that a run failed at `at`, and starts a pause, twice as long after each further failure. Without it an action
    /// that fails fast would use up the runs of the minute.
    fn fail(&mut self, at: Instant, result_until: Instant, wait: W) {
        self.stats.failed += 1;
        let pause = FIRST_PAUSE.saturating_mul(1_u32.checked_shl(self.failures).unwrap_or(u32::MAX));
        self.failures = self.failures.saturating_add(1);
        self.failed = Some(Failed { until: at + pause.min(MAX_PAUSE), wait, result_until });
    }

    /// Returns `true` if callers wait for run `number`.
    pub(super) fn is_running(&self, number: u64) -> bool {
        self.running.as_ref().is_some_and(|running| running.number == number)
    }

    pub(super) const fn stats(&self) -> RemedyStats {
        self.stats
    }
}

const MINUTE: Duration = Duration::from_secs(60);

/// The pause after the first failed run.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

const MAX_PAUSE: Duration = Duration::from_secs(30);

/// Thirty years: the longest time that tokio's timer accepts.
const FAR_FUTURE: Duration = Duration::from_secs(86400 * 365 * 30);

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    /// [S17] A run that hangs ends at its time limit. The next one may begin soon after, and its own late success still counts.
    #[test]
    fn a_run_that_hangs() {
        let (mut flight, now) = (SingleFlight::new(LIMIT, 10), Instant::now());
        let late = now + LIMIT;
        assert_eq!(flight.admit(0, now, "first"), Admission::Start("first", late, 1));
        assert_eq!(flight.admit(0, late - LIMIT / 2, "x"), Admission::Join("first", late));
        assert_eq!(
            flight.admit(0, late, "x"),
            Admission::Join("first", late),
            "it has failed, without a result"
        );
        assert_eq!(flight.stats().failed, 1);
        let next = late + FIRST_PAUSE;
        assert_eq!(flight.admit(0, next, "second"), Admission::Start("second", next + LIMIT, 2));
        assert!(!flight.ended(1, next, Some(1)), "its time limit has passed");
        assert_eq!(flight.admit(0, next, "x"), Admission::AlreadyDone);
        assert_eq!(flight.admit(1, next, "x"), Admission::Join("second", next + LIMIT));
        assert!(flight.ended(2, next, None));
        let stats = flight.stats();
        assert_eq!((stats.succeeded, stats.failed, stats.shared, stats.refused), (0, 2, 4, 0));
    }

    /// [S17] No minute has more runs than allowed, and no time limit overflows the clock.
    #[test]
    fn runs_per_minute() {
        let (mut flight, mut now) = (SingleFlight::new(Duration::MAX, 3), Instant::now());
        let mut begun = Vec::new();
        for n in 1..1000 {
            match flight.admit(n, now, ()) {
                Admission::Start((), until, number) => {
                    assert!(until > now + 10_000 * MINUTE);
                    begun.push(now);
                    assert!(flight.ended(number, now, Some(n)));
                }
                Admission::Refused => now += Duration::from_secs(7),
                other => panic!("{other:?}"),
            }
            if begun.len() == 30 {
                break;
            }
        }
        assert_eq!(begun.len(), 30);
        assert!(begun.windows(4).all(|runs| runs[3] - runs[0] >= MINUTE));
    }

    /// [S17] Failed runs count like successful ones, the first one as well as those after a failed one.
    #[test]
    fn failed_runs_are_counted() {
        let (mut flight, now) = (SingleFlight::new(LIMIT, 3), Instant::now());
        for (number, begun) in [(1, 0), (2, 1), (3, 2)] {
            let now = now + Duration::from_secs(begun);
            assert_eq!(flight.admit(0, now, ()), Admission::Start((), now + LIMIT, number));
            assert!(flight.ended(number, now, None));
        }
        assert_eq!(flight.admit(0, now + MINUTE / 2, ()), Admission::Refused);
        assert_eq!(flight.admit(0, now + MINUTE, ()), Admission::Start((), now + MINUTE + LIMIT, 4));
    }

    /// [S17] Runs that fail fast are spread over the minute: each pause is twice the one before, up to the longest, until a
    /// success.
    #[test]
    fn failures_are_spaced() {
        let (mut flight, start) = (SingleFlight::new(LIMIT, 1000), Instant::now());
        let runs = |flight: &mut SingleFlight<u64>, began: u64, from: Instant, seconds: u64| -> Vec<u64> {
            let mut begun = Vec::new();
            for passed in 0..seconds * 100 {
                let now = from + 10 * Duration::from_millis(passed);
                if let Admission::Start(_, _, number) = flight.admit(began, now, passed) {
                    begun.push(10 * passed);
                    assert!(flight.ended(number, now, None));
                    let shared = Admission::Join(passed, now + FIRST_PAUSE);
                    assert_eq!(
                        flight.admit(began, now, u64::MAX),
                        shared,
                        "it waits for the event, but not for long"
                    );
                }
            }
            begun
        };
        let spread = [0, 100, 300, 700, 1_500, 3_100, 6_300, 12_700, 25_500, 51_100, 81_100, 111_100];
        assert_eq!(runs(&mut flight, 0, start, 120), spread);
        let later = start + 2 * MINUTE;
        assert_eq!(flight.admit(0, later + MINUTE, 0), Admission::Start(0, later + MINUTE + LIMIT, 13));
        assert!(flight.ended(13, later + MINUTE, Some(1)));
        assert_eq!(runs(&mut flight, 1, later + MINUTE, 1), spread[..4]);
    }
}
