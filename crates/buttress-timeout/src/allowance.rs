//! `Allowance`: the time that one call may take, and the owner of its limit. A plain value.

use std::time::Duration;

use buttress_context::{CallerTime, Deadline};
use tokio::time::Instant;

/// The time that one call may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allowance {
    /// The instant at which the owner set the limit. Limit and elapsed time count from there.
    given: Instant,
    end: Option<Instant>,
    owner: Owner,
    /// Whether the time was up before the call began.
    is_spent: bool,
}

/// The allowance of an attempt without the time that it waited for its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recount {
    /// The attempt may run until the end of this allowance.
    Running(Allowance),
    /// The attempt waits for its caller, and may do so until the end of this allowance.
    Stalled(Allowance),
}

impl Recount {
    pub(crate) const fn allowance(&self) -> Allowance {
        match *self {
            Self::Running(allowance) | Self::Stalled(allowance) => allowance,
        }
    }
}

/// The longest pause in the caller's request body, in limits of an attempt.
const MAX_PAUSE: u32 = 10;

/// The owner of the limit that ends the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The layer.
    Layer,
    /// The caller: the call came with a deadline.
    Caller,
}

impl Allowance {
    /// Allows `limit` from `start`, but not beyond the `inherited` deadline. A limit that overflows an [`Instant`] never ends.
    pub(crate) fn new(start: Instant, limit: Duration, inherited: Deadline) -> Self {
        let own = start.checked_add(limit);
        match (own, inherited.instant()) {
            (own, Some(end)) if own.is_none_or(|own| end < own) => {
                let given = inherited.start().unwrap_or(start);
                Self { given, end: Some(end), owner: Owner::Caller, is_spent: end <= start }
            }
            (own, _) => {
                let is_spent = own.is_some_and(|end| end <= start);
                Self { given: start, end: own, owner: Owner::Layer, is_spent }
            }
        }
    }

    /// Computes the allowance of an attempt with `limit` that began with `self`, an allowance of the layer itself, without the
    /// time of its caller. From the
    /// moment at which the whole request is sent, the answer has `limit`.
    pub(crate) fn recount(
        &self,
        now: Instant,
        limit: Duration,
        caller: &CallerTime,
        inherited: Deadline,
    ) -> Recount {
        let from = |start, limit| {
            let own = Self::new(start, limit, inherited);
            match own.owner {
                Owner::Layer => own,
                // The deadline counts all time.
                Owner::Caller => Self::new(self.given, Duration::MAX, inherited),
            }
        };
        match (caller.sent, caller.gap) {
            (Some(sent), _) => Recount::Running(from(sent, limit)),
            (None, Some(gap)) => {
                Recount::Stalled(from(now.checked_sub(gap).unwrap_or(now), limit.saturating_mul(MAX_PAUSE)))
            }
            (None, None) => {
                Recount::Running(from(self.given.checked_add(caller.waited).unwrap_or(now), limit))
            }
        }
    }

    /// Returns the end; `None` if the time is unlimited.
    pub(crate) const fn end(&self) -> Option<Instant> {
        self.end
    }

    pub(crate) const fn owner(&self) -> Owner {
        self.owner
    }

    /// Returns `true` if the time was up before the call began.
    pub(crate) const fn is_spent(&self) -> bool {
        self.is_spent
    }

    /// Returns the limit that the owner set.
    pub(crate) fn limit(&self) -> Duration {
        self.end.map_or(Duration::MAX, |end| end.saturating_duration_since(self.given))
    }

    /// Returns the time since the owner set the limit.
    pub(crate) fn elapsed(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.given)
    }
}

#[cfg(test)]
mod tests {
    use buttress_context::Context;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn none() -> Deadline {
        Context::default().deadline()
    }

    /// Creates a deadline that was set at `start`.
    fn set(start: Instant, deadline: Instant) -> Deadline {
        Context::default().with_deadline_from(start, deadline).deadline()
    }

    /// [S28] The attempt timeout is at most what the deadline leaves; a deadline only ever gets shorter.
    #[test]
    fn the_nearer_limit_counts_and_has_an_owner() {
        let now = Instant::now();
        let cases = [
            (Allowance::new(now, SECOND, none()), SECOND, Owner::Layer),
            (Allowance::new(now, SECOND, set(now, now + 3 * SECOND)), SECOND, Owner::Layer),
            (Allowance::new(now, SECOND, set(now, now + SECOND)), SECOND, Owner::Layer),
            (Allowance::new(now, 5 * SECOND, set(now, now + 3 * SECOND)), 3 * SECOND, Owner::Caller),
        ];
        for (allowance, limit, owner) in cases {
            assert_eq!((allowance.limit(), allowance.owner()), (limit, owner));
            assert_eq!(allowance.end(), Some(now + limit));
            assert!(!allowance.is_spent());
        }
    }

    /// [S28] The limit of a caller's deadline is the time that the caller allowed, not the rest of it.
    #[test]
    fn a_callers_limit_counts_from_when_it_was_set() {
        let given = Instant::now();
        let came = given + 4 * SECOND;
        let allowance = Allowance::new(came, 30 * SECOND, set(given, given + 5 * SECOND));
        assert_eq!((allowance.limit(), allowance.owner()), (5 * SECOND, Owner::Caller));
        assert_eq!(allowance.elapsed(given + 5 * SECOND), 5 * SECOND);
        let spent = Allowance::new(came, 30 * SECOND, set(given, given + 3 * SECOND));
        assert_eq!((spent.is_spent(), spent.limit(), spent.elapsed(came)), (true, 3 * SECOND, 4 * SECOND));
        // A layer's own limit counts from the layer.
        let own = Allowance::new(came, SECOND, set(given, given + 5 * SECOND));
        assert_eq!((own.limit(), own.elapsed(came)), (SECOND, Duration::ZERO));
    }

    fn caller(waited: u64, gap: Option<u64>, sent: Option<Instant>) -> CallerTime {
        let mut time = CallerTime::default();
        time.waited = Duration::from_secs(waited);
        time.gap = gap.map(Duration::from_secs);
        time.sent = sent;
        time
    }

    /// [S28] The caller's time is not counted; the limit for the answer begins when the request is sent; a pause has a limit
    /// of its own, and a deadline ends all three.
    #[test]
    fn the_callers_time_is_not_counted() {
        let begin = Instant::now();
        let (limit, now) = (2 * SECOND, begin + 9 * SECOND);
        let first = Allowance::new(begin, limit, none());
        let recount = |time: CallerTime, inherited| first.recount(now, limit, &time, inherited);

        let Recount::Running(running) = recount(caller(0, None, None), none()) else { panic!("no gap") };
        assert_eq!(running, first);
        let Recount::Running(running) = recount(caller(3, None, None), none()) else { panic!("no gap") };
        assert_eq!((running.end(), running.limit()), (Some(begin + 5 * SECOND), limit));

        let sent = begin + 4 * SECOND;
        for (waited, gap) in [(0, None), (3, None), (4, Some(1))] {
            let Recount::Running(running) = recount(caller(waited, gap, Some(sent)), none()) else {
                panic!("it is out")
            };
            assert_eq!((running.end(), running.elapsed(now)), (Some(sent + limit), 5 * SECOND));
        }

        let Recount::Stalled(stalled) = recount(caller(8, Some(7), None), none()) else { panic!("a gap") };
        assert_eq!((stalled.end(), stalled.elapsed(now)), (Some(begin + 22 * SECOND), 7 * SECOND));
        assert_eq!((stalled.limit(), stalled.owner()), (20 * SECOND, Owner::Layer));

        let deadline = begin + 4 * SECOND;
        for time in [caller(3, None, None), caller(8, Some(7), None), caller(3, None, Some(sent))] {
            let cut = recount(time, set(begin, deadline)).allowance();
            assert_eq!((cut.end(), cut.owner()), (Some(deadline), Owner::Caller));
            assert_eq!((cut.limit(), cut.elapsed(now)), (4 * SECOND, 9 * SECOND), "of the whole attempt");
        }
    }

    /// [S5] The longest duration means never, and time that runs backwards counts as zero.
    #[test]
    fn saturates() {
        let now = Instant::now();
        let never = Allowance::new(now, Duration::MAX, none());
        assert_eq!((never.end(), never.limit(), never.is_spent()), (None, Duration::MAX, false));
        assert_eq!(Allowance::new(now, Duration::MAX, set(now, now + SECOND)).limit(), SECOND);
        assert_eq!(Allowance::new(now + SECOND, SECOND, none()).elapsed(now), Duration::ZERO);

        let spent = Allowance::new(now + SECOND, SECOND, set(now, now));
        assert_eq!((spent.limit(), spent.is_spent()), (Duration::ZERO, true));
        assert!(Allowance::new(now, Duration::ZERO, none()).is_spent());
    }
}
