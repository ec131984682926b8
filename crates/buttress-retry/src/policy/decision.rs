//! Whether to retry a failure, and when: a function of plain values.

use std::time::Duration;

use buttress_error::{BreakerEffect, Class, Delivery, Kind, RetryAdvice, StopReason};
use tokio::time::Instant;

use super::Policy;
use super::backoff::{AddedJitter, Backoff, BackoffState};
use super::progress::Progress;
use super::settings::StopRule;
use crate::remedy::Remedy;

/// A failed attempt, and the state of its call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failure {
    pub(crate) class: Class,
    /// Attempts so far, the first included.
    pub(crate) attempts: u32,
    /// The limit on attempts that the caller's context sets, if any.
    pub(crate) max_attempts: Option<u32>,
    pub(crate) time: CallTime,
    pub(crate) idempotent: bool,
    pub(crate) replayable: bool,
    /// Whether an outer retry layer has reserved all retries for itself.
    pub(crate) inner_retries_disabled: bool,
}

/// The time of a call at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallTime {
    pub(crate) now: Instant,
    pub(crate) elapsed: Duration,
    pub(crate) deadline: Option<Instant>,
}

/// The state of the backoffs of one call. Each backoff advances by its own waits only.
#[derive(Debug)]
pub(crate) struct CallBackoff {
    transient: BackoffState,
    throttled: BackoffState,
    /// Whether a failure of class [`retry_once`](Class::retry_once) has been retried.
    retried_once: bool,
}

impl CallBackoff {
    pub(crate) const fn new() -> Self {
        Self { transient: BackoffState::new(), throttled: BackoffState::new(), retried_once: false }
    }
}

impl Failure {
    fn progress(&self) -> Progress {
        let Self { class, attempts, time: CallTime { now, elapsed, deadline }, .. } = *self;
        let remaining = deadline.map(|deadline| deadline.saturating_duration_since(now));
        Progress { class, attempts, elapsed, remaining }
    }
}

impl Policy {
    /// Returns the wait before the next attempt, or the reason why there is none.
    ///
    /// The checks run in a fixed order, and the first refusal is the reason: is the failure retryable, are attempts left,
    /// is there time? The caller checks the budget last.
    pub(crate) fn decide(
        &self,
        failure: &Failure,
        backoff: &mut CallBackoff,
    ) -> Result<Duration, StopReason> {
        let settings = &self.settings;
        let class = &failure.class;
        if class.exhausted || class.retry != RetryAdvice::Call {
            let time = &failure.time;
            let late = time.deadline.is_some_and(|end| !self.begins_before(end, time.now, Duration::ZERO));
            let cut = late && class.kind == Kind::DeadlineExceeded;
            return Err(if cut { StopReason::Deadline } else { StopReason::NotRetryable });
        }
        if class.kind == Kind::Rejected && !(settings.retry_rejections && class.retry_after.is_some()) {
            return Err(StopReason::Rejected);
        }
        if !class.is_retryable(failure.idempotent) {
            return Err(StopReason::NotIdempotent);
        }
        self.check_limits(failure)?;
        if class.retry_once && backoff.retried_once {
            return Err(StopReason::Attempts);
        }
        let (wait, jitter) = self.next_wait(failure, backoff).ok_or(StopReason::Attempts)?;
        if class.kind == Kind::Rejected && class.retry_after.is_some_and(|asked| asked > wait) {
            // The layer would still refuse after the shortened wait.
            return Err(StopReason::Rejected);
        }
        self.check_time(&failure.time, wait)?;
        backoff.retried_once |= class.retry_once;
        Ok(wait.saturating_add(self.fitting_jitter(jitter, wait, &failure.time).draw()))
    }

    /// Returns `true` if the failure would be retried were the request known to be idempotent. Does not call the rule of
    /// `stop_when`.
    pub(crate) fn would_retry_if_idempotent(&self, failure: &Failure) -> bool {
        self.check_attempts(failure).is_ok() && self.check_time(&failure.time, Duration::ZERO).is_ok()
    }

    /// Returns the remedy for a failure, if the call may be retried after it.
    ///
    /// The failure itself need not be retryable, because the remedy removes its cause. But the failed attempt must have had
    /// no effect, or the request must be idempotent.
    pub(crate) fn remedy_for(&self, failure: &Failure, tried: &[Remedy]) -> Option<&Remedy> {
        let class = &failure.class;
        let applies =
            |remedy: &&Remedy| remedy.applies_to(class) && !tried.iter().any(|other| other.is(remedy));
        let remedy = self.settings.remedies.iter().find(applies)?;
        // A reply that counts as a failure of the dependency may follow work that was done: it was garbled or cut short.
        let refused = class.delivery == Delivery::Processed && class.breaker() != BreakerEffect::Failure;
        let safe_to_repeat = failure.idempotent || class.delivery == Delivery::NotProcessed || refused;
        let allowed = !class.exhausted
            && safe_to_repeat
            && self.check_limits(failure).is_ok()
            && self.check_time(&failure.time, Duration::ZERO).is_ok();
        allowed.then_some(remedy)
    }

    /// Checks the limits that depend neither on the kind of failure nor on time.
    fn check_limits(&self, failure: &Failure) -> Result<(), StopReason> {
        self.check_attempts(failure)?;
        match &self.settings.stop_when {
            Some(StopRule(stops)) if stops(&failure.progress()) => Err(StopReason::Rule),
            _ => Ok(()),
        }
    }

    /// Checks that an attempt is left, and a request to send.
    fn check_attempts(&self, failure: &Failure) -> Result<(), StopReason> {
        if failure.inner_retries_disabled {
            return Err(StopReason::InnerRetriesDisabled);
        }
        if failure.attempts >= failure.max_attempts.unwrap_or(self.settings.max_attempts) {
            return Err(StopReason::Attempts);
        }
        if failure.replayable { Ok(()) } else { Err(StopReason::NotReplayable) }
    }

    /// Checks that there is time for an attempt after `wait`.
    pub(crate) fn check_time(&self, time: &CallTime, wait: Duration) -> Result<(), StopReason> {
        let begins = time.elapsed.saturating_add(timer_wait(wait));
        if self.settings.max_elapsed.is_some_and(|longest| begins > longest) {
            return Err(StopReason::Elapsed);
        }
        match time.deadline {
            Some(deadline) if !self.begins_before(deadline, time.now, wait) => Err(StopReason::Deadline),
            _ => Ok(()),
        }
    }

    /// Returns the last moment at which another attempt could begin, if there is a limit.
    pub(crate) fn latest_start(&self, time: &CallTime) -> Option<Instant> {
        let settings = &self.settings;
        let by_deadline =
            time.deadline.map(|deadline| deadline.checked_sub(settings.min_attempt_time).unwrap_or(time.now));
        let left = settings.max_elapsed.map(|longest| longest.saturating_sub(time.elapsed));
        let by_elapsed = left.and_then(|left| time.now.checked_add(left));
        by_deadline.into_iter().chain(by_elapsed).min()
    }

    /// Returns the longer of the backoff and the server's wait as far as the settings accept it, and the jitter to add.
    /// None if an iterator has no more waits.
    fn next_wait(&self, failure: &Failure, state: &mut CallBackoff) -> Option<(Duration, AddedJitter)> {
        let settings = &self.settings;
        let (backoff, state) = match &settings.throttled {
            Some(backoff) if failure.class.kind == Kind::Throttled => (backoff, &mut state.throttled),
            _ => (&settings.backoff, &mut state.transient),
        };
        let wait = state.next(backoff, failure.attempts)?;
        let asked = failure.class.retry_after;
        Some(asked.map_or((wait, AddedJitter::NONE), |asked| self.accepted_wait(backoff, wait, asked)))
    }

    /// Returns the wait and the jitter to add, where `backoff` gave `wait` and the server `asked` for another wait.
    ///
    /// A longer wait of the server is a minimum. Jitter goes on top of it, so that callers that were given the same wait
    /// don't return at the same moment.
    pub(super) fn accepted_wait(
        &self,
        backoff: &Backoff,
        wait: Duration,
        asked: Duration,
    ) -> (Duration, AddedJitter) {
        let settings = &self.settings;
        let asked = asked.min(settings.max_retry_after);
        match settings.retry_after_slack {
            _ if asked <= wait => (wait, AddedJitter::NONE),
            Some(slack) => (asked.min(wait.saturating_add(slack)), AddedJitter::NONE),
            None => (asked, backoff.added_jitter(asked)),
        }
    }

    /// Cuts `jitter` so that the attempt still begins in time.
    fn fitting_jitter(&self, jitter: AddedJitter, wait: Duration, time: &CallTime) -> AddedJitter {
        if jitter == AddedJitter::NONE {
            return jitter;
        }
        let room = self.latest_start(time).map(|latest| {
            let left = latest.saturating_duration_since(time.now);
            left.saturating_sub(timer_wait(wait).saturating_add(TICK))
        });
        room.map_or(jitter, |room| jitter.at_most(room))
    }

    /// Returns `true` if an attempt after `wait` begins with enough time before `deadline`.
    fn begins_before(&self, deadline: Instant, now: Instant, wait: Duration) -> bool {
        let needed = timer_wait(wait).saturating_add(self.settings.min_attempt_time);
        now.checked_add(needed).is_some_and(|begin| begin < deadline)
    }
}

/// Returns how long tokio's timer takes for `wait`: it counts in milliseconds and rounds up.
fn timer_wait(wait: Duration) -> Duration {
    let tick = TICK.subsec_nanos();
    match wait.subsec_nanos() % tick {
        0 => wait,
        rest => wait.saturating_add(Duration::from_nanos(u64::from(tick - rest))),
    }
}

/// The resolution of tokio's timer.
const TICK: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::PolicyBuilder;
    use crate::policy::backoff::Jitter;

    const MS: Duration = Duration::from_millis(1);

    /// Without a budget, waits of 100 ms and no jitter.
    fn plain() -> PolicyBuilder {
        Policy::fixed(100 * MS).no_budget()
    }

    fn failure(class: impl Into<Class>) -> Failure {
        let time = CallTime { now: Instant::now(), elapsed: Duration::ZERO, deadline: None };
        Failure {
            class: class.into(),
            attempts: 1,
            max_attempts: None,
            time,
            idempotent: true,
            replayable: true,
            inner_retries_disabled: false,
        }
    }

    fn decide(policy: PolicyBuilder, failure: &Failure) -> Result<Duration, StopReason> {
        policy.build().unwrap().decide(failure, &mut CallBackoff::new())
    }

    /// The last attempt is the one whose number is the limit, of the policy or of the context.
    #[test]
    fn the_limit_on_attempts() {
        let after = |attempts, max_attempts| {
            let failure = Failure { attempts, max_attempts, ..failure(Kind::Unavailable) };
            decide(plain().max_attempts(3), &failure).map(drop)
        };
        assert_eq!([2, 3, 4].map(|n| after(n, None).is_ok()), [true, false, false]);
        assert_eq!([4, 5, 6].map(|n| after(n, Some(5)).is_ok()), [true, false, false]);
        assert_eq!(after(3, None), Err(StopReason::Attempts));
    }

    /// [S11] An attempt has to begin before the deadline, and with the minimum time left.
    #[test]
    fn the_deadline_of_an_attempt() {
        let at = |policy: PolicyBuilder, left| {
            let mut failure = failure(Kind::Unavailable);
            failure.time.deadline = Some(failure.time.now + left * MS);
            decide(policy, &failure).map(drop)
        };
        assert_eq!(at(plain(), 101), Ok(()));
        assert_eq!(at(plain(), 100), Err(StopReason::Deadline));
        let half = || plain().min_attempt_time(50 * MS);
        assert_eq!((at(half(), 151), at(half(), 150)), (Ok(()), Err(StopReason::Deadline)));
    }

    /// An attempt may begin exactly at the limit on elapsed time. Waits count as the timer rounds them.
    #[test]
    fn the_limit_on_elapsed_time() {
        let at = |elapsed, wait| {
            let mut failure = failure(Kind::Unavailable);
            failure.time.elapsed = elapsed;
            decide(Policy::fixed(wait).no_budget().max_elapsed(300 * MS), &failure).map(drop)
        };
        let nano = Duration::from_nanos(1);
        assert_eq!(at(200 * MS, 100 * MS), Ok(()));
        assert_eq!(at(200 * MS + nano, 100 * MS), Err(StopReason::Elapsed));
        assert_eq!(at(200 * MS, 99 * MS + nano), Ok(()), "the timer waits 100 ms");
        assert_eq!(at(200 * MS, 100 * MS + nano), Err(StopReason::Elapsed), "the timer waits 101 ms");
    }

    /// The latest start of an attempt is the earlier one of the two limits.
    #[test]
    fn the_latest_start() {
        let mut time = failure(Kind::Unavailable).time;
        let latest = |policy: PolicyBuilder, time| {
            let latest = policy.build().unwrap().latest_start(&time);
            latest.map(|latest| latest.saturating_duration_since(time.now))
        };
        assert_eq!(latest(plain(), time), None);
        time.elapsed = 30 * MS;
        assert_eq!(latest(plain().max_elapsed(100 * MS), time), Some(70 * MS));
        time.deadline = Some(time.now + 90 * MS);
        assert_eq!(latest(plain().min_attempt_time(10 * MS), time), Some(80 * MS));
        assert_eq!(latest(plain().min_attempt_time(10 * MS).max_elapsed(100 * MS), time), Some(70 * MS));
        assert_eq!(latest(plain().min_attempt_time(30 * MS).max_elapsed(100 * MS), time), Some(60 * MS));
    }

    /// [S10] A wait of the server that is not longer than the backoff's changes nothing, jitter included.
    #[test]
    fn a_wait_that_is_not_longer_changes_nothing() {
        let policy = plain().build().unwrap();
        let backoff = Backoff::fixed(100 * MS).jitter(Jitter::Full);
        for asked in [0, 99, 100] {
            let accepted = policy.accepted_wait(&backoff, 100 * MS, asked * MS);
            assert_eq!(accepted, (100 * MS, AddedJitter::NONE), "{asked}");
        }
        assert_ne!(policy.accepted_wait(&backoff, 100 * MS, 101 * MS).1, AddedJitter::NONE);
    }

    /// A server's wait counts if it is longer than the backoff, up to its limits.
    #[test]
    fn the_accepted_wait() {
        let accepted = |policy: PolicyBuilder, asked| {
            let policy = policy.build().unwrap();
            let (wait, _) = policy.accepted_wait(&Backoff::fixed(100 * MS), 100 * MS, asked * MS);
            wait.as_millis()
        };
        let waits = |policy: fn() -> PolicyBuilder| [99, 101, 1_000].map(|asked| accepted(policy(), asked));
        assert_eq!(waits(plain), [100, 101, 1_000]);
        assert_eq!(waits(|| plain().max_retry_after(500 * MS)), [100, 101, 500]);
        assert_eq!(waits(|| plain().retry_after_slack(50 * MS)), [100, 101, 150]);
    }

    /// A rejection is retried if the policy says so and the wait it asks for is not cut.
    #[test]
    fn the_wait_of_a_rejection() {
        let rejection =
            |asked| failure(Class::new(Kind::Rejected).retry(RetryAdvice::Call).retry_after(asked * MS));
        let policy = || plain().retry_rejections().max_retry_after(500 * MS);
        let rejected = Err(StopReason::Rejected);
        assert_eq!(decide(policy(), &rejection(500)), Ok(500 * MS));
        assert_eq!(decide(policy(), &rejection(501)), rejected);
        assert_eq!(decide(plain(), &rejection(500)), rejected);
        let no_wait = failure(Class::new(Kind::Rejected).retry(RetryAdvice::Call));
        assert_eq!(decide(policy(), &no_wait), rejected);
    }

    /// Added jitter never moves an attempt to the deadline or beyond, and is used as far as there is room.
    #[test]
    fn added_jitter_fits_before_the_deadline() {
        let policy = Policy::exponential().no_budget().build().unwrap();
        let mut failure = failure(Class::new(Kind::Unavailable).retry_after(1_000 * MS));
        failure.time.deadline = Some(failure.time.now + 1_050 * MS);
        fastrand::seed(42);
        let draw = || policy.decide(&failure, &mut CallBackoff::new()).unwrap();
        let longest = (0..10_000).map(|_| draw()).max().unwrap();
        assert!(longest <= 1_049 * MS && longest > 1_048 * MS, "{longest:?}");
    }
}
