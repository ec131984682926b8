//! The records: what became of each call, and the counts that follow from it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::bare::Attempts;

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ending {
    /// With a good answer.
    Served,
    /// The stack refused to send it (again), and why.
    Refused(&'static str),
    /// It failed, and how.
    Failed(Cow<'static, str>),
}

/// One call.
#[derive(Clone, Debug)]
pub struct Call {
    /// The number of the phase in which it arrived.
    pub phase: usize,
    /// When it ended, after the beginning.
    pub ended: Duration,
    /// How long its caller waited for the answer's head, or for the error.
    pub took: Duration,
    pub attempts: Attempts,
    pub ending: Ending,
}

/// All calls of one client.
#[derive(Debug, Default)]
pub struct CallRecords(Mutex<Vec<Call>>);

impl CallRecords {
    pub fn add(&self, call: Call) {
        self.calls().push(call);
    }

    pub fn calls(&self) -> MutexGuard<'_, Vec<Call>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The counts of some calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub requests: u32,
    pub attempts: u32,
    pub served: u32,
}

impl Counts {
    pub fn of<'c>(calls: impl IntoIterator<Item = &'c Call>) -> Self {
        calls.into_iter().fold(Self::default(), |counts, call| Self {
            requests: counts.requests + 1,
            attempts: counts.attempts + call.attempts.made,
            served: counts.served + u32::from(call.ending == Ending::Served),
        })
    }

    /// Attempts by request: what an outage costs the server.
    pub fn amplification(self) -> f64 {
        f64::from(self.attempts) / f64::from(self.requests.max(1))
    }
}

/// How often each ending came.
pub fn endings(calls: &[Call]) -> BTreeMap<Ending, u32> {
    let mut endings = BTreeMap::new();
    for call in calls {
        *endings.entry(call.ending.clone()).or_default() += 1;
    }
    endings
}

/// The time below which `part` (0.0..=1.0) of the times are: the nearest rank. None of none.
pub fn percentile(mut times: Vec<Duration>, part: f64) -> Option<Duration> {
    times.sort_unstable();
    let rank = (part * times.len() as f64).ceil() as usize;
    times.get(rank.max(1) - 1).copied()
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A call that ended at `ended` milliseconds.
    pub fn call(phase: usize, ended: u64, attempts: u32, ending: Ending) -> Call {
        let attempts = Attempts { made: attempts, time: Duration::from_millis(2) };
        Call { phase, ended: Duration::from_millis(ended), took: Duration::from_millis(3), attempts, ending }
    }

    #[test]
    fn percentiles_are_nearest_ranks() {
        let times =
            |millis: &[u64]| millis.iter().map(|millis| Duration::from_millis(*millis)).collect::<Vec<_>>();
        let hundred: Vec<u64> = (1..=100).rev().collect();
        for (of, part, wanted) in [
            (&[][..], 0.5, None),
            (&[7], 0.0, Some(7)),
            (&[7], 0.99, Some(7)),
            (&[3, 1, 2], 0.5, Some(2)),
            (&[4, 3, 1, 2], 0.5, Some(2)),
            (&hundred, 0.5, Some(50)),
            (&hundred, 0.99, Some(99)),
            (&hundred, 1.0, Some(100)),
        ] {
            assert_eq!(percentile(times(of), part), wanted.map(Duration::from_millis), "{part} of {of:?}");
        }
    }

    #[test]
    fn counts() {
        let calls = [
            call(0, 1, 1, Ending::Served),
            call(0, 2, 3, Ending::Served),
            call(0, 3, 0, Ending::Refused("circuit_open")),
            call(0, 4, 4, Ending::Failed("503".into())),
        ];
        let counts = Counts::of(&calls);
        assert_eq!(counts, Counts { requests: 4, attempts: 8, served: 2 });
        assert_eq!(counts.amplification(), 2.0);
        assert_eq!(Counts::of([]).amplification(), 0.0);
        assert_eq!(endings(&calls).into_values().collect::<Vec<_>>(), [2, 1, 1]);
    }
}
