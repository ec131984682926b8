//! `Counters`: counts the records of one [`Sampling`] and decides which are logged. No clock, no lock.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use tokio::time::Instant;
use tracing::Metadata;

use crate::volume::key::KeyLabel;
use crate::volume::sampling::Sampling;

/// What has a counter: a callsite, by its address, and the hash of the key's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct CounterId {
    pub(super) callsite: usize,
    pub(super) value: u64,
}

#[derive(Debug)]
pub(super) struct Counters {
    sampling: Sampling,
    /// Room for twice the number of keys, so that it never grows, also after removals.
    by_id: HashMap<CounterId, Counter>,
    /// Of all that have no counter of their own.
    others: Option<Counter>,
    /// No counter becomes free before.
    full_until: Option<Instant>,
}

#[derive(Clone, Debug)]
struct Counter {
    subject: Subject,
    ends: Instant,
    seen: u64,
    /// Since the last summary.
    suppressed: u64,
}

/// What a summary is about.
#[derive(Clone, Debug)]
pub(super) enum Subject {
    Callsite(&'static Metadata<'static>, KeyLabel),
    /// More callsites and values than counters.
    Others,
}

/// How many records of a subject were suppressed.
#[derive(Debug)]
pub(super) struct Summary {
    pub(super) subject: Subject,
    pub(super) suppressed: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Log,
    /// The summary is due at the end of the period.
    Suppress {
        summary: Instant,
    },
}

impl Counter {
    const fn new(subject: Subject, ends: Instant) -> Self {
        Self { subject, ends, seen: 0, suppressed: 0 }
    }

    fn count(&mut self, now: Instant, sampling: &Sampling) -> Decision {
        if now >= self.ends {
            self.ends = now + sampling.tick;
            self.seen = 0;
        }
        self.seen += 1;
        let later = self.seen.saturating_sub(sampling.first);
        if later == 0 || sampling.thereafter != 0 && later.is_multiple_of(sampling.thereafter) {
            return Decision::Log;
        }
        self.suppressed += 1;
        Decision::Suppress { summary: self.ends }
    }

    /// The summary, if the period is over and any record was suppressed.
    fn summary(&mut self, now: Instant) -> Option<Summary> {
        if now < self.ends || self.suppressed == 0 {
            return None;
        }
        Some(Summary { subject: self.subject.clone(), suppressed: std::mem::take(&mut self.suppressed) })
    }

    fn is_free(&self, now: Instant) -> bool {
        now >= self.ends && self.suppressed == 0
    }
}

impl Counters {
    pub(super) fn new(sampling: Sampling) -> Self {
        let by_id = HashMap::with_capacity(sampling.max_keys.saturating_mul(2));
        Self { sampling, by_id, others: None, full_until: None }
    }

    pub(super) const fn sampling(&self) -> &Sampling {
        &self.sampling
    }

    /// Counts a record and decides about it.
    pub(super) fn count(
        &mut self,
        now: Instant,
        id: CounterId,
        subject: impl FnOnce() -> Subject,
    ) -> Decision {
        let ends = now + self.sampling.tick;
        let is_full = self.by_id.len() >= self.sampling.max_keys
            && !self.by_id.contains_key(&id)
            && !self.free_some(now);
        if is_full {
            let others = self.others.get_or_insert_with(|| Counter::new(Subject::Others, ends));
            return others.count(now, &self.sampling);
        }
        let counter = match self.by_id.entry(id) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(Counter::new(subject(), ends)),
        };
        counter.count(now, &self.sampling)
    }

    /// Removes the counters that hold nothing. Looks at all of them at most once per period.
    fn free_some(&mut self, now: Instant) -> bool {
        if self.full_until.is_some_and(|until| now < until) {
            return false;
        }
        self.by_id.retain(|_, counter| !counter.is_free(now));
        let is_full = self.by_id.len() >= self.sampling.max_keys;
        self.full_until = is_full.then(|| now + self.sampling.tick);
        !is_full
    }

    /// Moves the summaries of the periods that are over to `summaries`. Returns when the next one is due.
    pub(super) fn summarize(&mut self, now: Instant, summaries: &mut Vec<Summary>) -> Option<Instant> {
        let mut next: Option<Instant> = None;
        for counter in self.by_id.values_mut().chain(&mut self.others) {
            summaries.extend(counter.summary(now));
            if counter.suppressed > 0 {
                next = Some(next.map_or(counter.ends, |next| next.min(counter.ends)));
            }
        }
        self.by_id.retain(|_, counter| !counter.is_free(now));
        self.full_until = None;
        next
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    const TICK: Duration = Duration::from_secs(1);

    const fn id(value: u64) -> CounterId {
        CounterId { callsite: 0, value }
    }

    fn count(counters: &mut Counters, now: Instant, value: u64) -> bool {
        counters.count(now, id(value), || Subject::Others) == Decision::Log
    }

    fn suppressed(counters: &mut Counters, now: Instant) -> u64 {
        let mut summaries = Vec::new();
        counters.summarize(now, &mut summaries);
        summaries.iter().map(|summary| summary.suppressed).sum()
    }

    #[test]
    fn the_first_and_every_mth_are_logged() {
        let (mut counters, now) = (Counters::new(Sampling::new(TICK, 2, 3)), Instant::now());
        let logged: Vec<_> = (1..=9).filter(|_| count(&mut counters, now, 1)).collect();
        assert_eq!(logged.len(), 4);
        let (mut counters, mut numbers) = (Counters::new(Sampling::new(TICK, 2, 3)), Vec::new());
        for number in 1..=9 {
            if count(&mut counters, now, 1) {
                numbers.push(number);
            }
        }
        assert_eq!(numbers, [1, 2, 5, 8]);
        assert!(count(&mut counters, now, 2), "another key");
        assert_eq!(suppressed(&mut counters, now + TICK - Duration::from_nanos(1)), 0, "not over yet");
        assert_eq!(suppressed(&mut counters, now + TICK), 5);
        assert_eq!(suppressed(&mut counters, now + TICK), 0, "once");
        assert!(count(&mut counters, now + TICK, 1), "a new period");
    }

    #[test]
    fn none_thereafter() {
        let (mut counters, now) = (Counters::new(Sampling::new(TICK, 1, 0)), Instant::now());
        assert_eq!((0..1_000).filter(|_| count(&mut counters, now, 1)).count(), 1);
        // The period begins with a record, and the summary is not lost if a record comes before the timer.
        assert!(count(&mut counters, now + TICK * 3, 1));
        assert_eq!(suppressed(&mut counters, now + TICK * 4), 999);
    }

    proptest! {
        /// Every record is logged or in exactly one summary; there are never more counters than allowed, and the memory is that
        /// of the start; a period logs at most `first`, and each `thereafter`-th of the rest.
        #[test]
        fn all_records_are_accounted_for(
            records in proptest::collection::vec((0u64..12, 0u64..400, any::<bool>()), 0..300),
            first in 0u64..4, thereafter in 0u64..5, max_keys in 1usize..6,
        ) {
            let sampling = Sampling::new(TICK, first, thereafter).max_keys(max_keys);
            let (mut counters, mut now) = (Counters::new(sampling), Instant::now());
            let room = counters.by_id.capacity();
            let (mut logged, mut counted, total) = (0, 0, records.len() as u64);
            for (value, millis, summarize) in records {
                now += Duration::from_millis(millis);
                logged += u64::from(count(&mut counters, now, value));
                if summarize {
                    counted += suppressed(&mut counters, now);
                }
                prop_assert!(counters.by_id.len() <= max_keys);
                prop_assert_eq!(counters.by_id.capacity(), room);
            }
            counted += suppressed(&mut counters, now + TICK);
            prop_assert_eq!(logged + counted, total);
            prop_assert_eq!(counters.by_id.len(), 0);
        }

        /// The same numbers as a count by hand, for one key within one period.
        #[test]
        fn a_period_logs_what_the_rule_says(n in 0u64..200, first in 0u64..10, thereafter in 0u64..10) {
            let (mut counters, now) = (Counters::new(Sampling::new(TICK, first, thereafter)), Instant::now());
            let logged = (0..n).filter(|_| count(&mut counters, now, 1)).count() as u64;
            let rest = n.saturating_sub(first);
            prop_assert_eq!(logged, n.min(first) + rest.checked_div(thereafter).unwrap_or(0));
        }
    }
}
