//! `History`: the failed attempts of a call, for its summary.

use std::mem;
use std::time::Duration;

use buttress_error::{FailedAttempt, Kind, RetrySummary};

/// The latest failed attempts, oldest first, [`RetrySummary::HISTORY`] at most.
///
/// The first few are stored inline, so that a call that recovers allocates nothing for them.
#[derive(Debug)]
pub(super) enum History {
    Inline { attempts: [FailedAttempt; INLINE], len: usize },
    Heap(Vec<FailedAttempt>),
}

/// As many as the default policy has attempts.
const INLINE: usize = 4;

impl History {
    pub(super) const fn new() -> Self {
        Self::Inline { attempts: [FailedAttempt::new(Kind::Unknown, Duration::ZERO); INLINE], len: 0 }
    }

    /// Adds a failed attempt. If there are too many, the oldest is dropped.
    pub(super) fn push(&mut self, kind: Kind, wait: Duration) {
        let attempt = FailedAttempt::new(kind, wait);
        match self {
            Self::Inline { attempts, len } if *len < INLINE => {
                attempts[*len] = attempt;
                *len += 1;
            }
            Self::Inline { attempts, .. } => {
                let mut all = Vec::with_capacity(RetrySummary::HISTORY);
                all.extend_from_slice(attempts);
                all.push(attempt);
                *self = Self::Heap(all);
            }
            Self::Heap(attempts) => {
                if attempts.len() == RetrySummary::HISTORY {
                    attempts.remove(0);
                }
                attempts.push(attempt);
            }
        }
    }

    /// Takes all attempts out.
    pub(super) fn take(&mut self) -> Vec<FailedAttempt> {
        match mem::replace(self, Self::new()) {
            Self::Inline { attempts, len } => attempts[..len].to_vec(),
            Self::Heap(attempts) => attempts,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The latest attempts are kept in order, whether they fit inline or not, and no more than the limit.
    #[test]
    fn keeps_the_latest_attempts() {
        for total in [0, 1, INLINE, INLINE + 1, RetrySummary::HISTORY, RetrySummary::HISTORY + 3] {
            let mut history = History::new();
            let waits: Vec<_> = (0..total as u64).map(Duration::from_millis).collect();
            waits.iter().for_each(|wait| history.push(Kind::Timeout, *wait));
            let kept: Vec<_> = history.take().iter().map(|attempt| attempt.delay).collect();
            assert_eq!(kept, waits[total.saturating_sub(RetrySummary::HISTORY)..]);
            assert!(history.take().is_empty());
        }
    }
}
