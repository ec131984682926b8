//! `retry_blocking`: the policy around a closure that blocks.

use std::fmt;
use std::thread;
use std::time::Duration;

use buttress_error::{ByKind, Classifier};

use crate::attempt::{self, Call, Next, RequestInfo};
use crate::policy::{FirstAttempt, Policy, first_attempt, overriding_policy};

/// Calls `attempt` until it succeeds or `policy` stops, and sleeps between attempts.
///
/// As with [`retry`](crate::retry()) the policy is borrowed: build it once, because it owns the budget of all calls.
///
/// It needs no runtime. Inside a runtime, call it where blocking is allowed, as in `spawn_blocking`. The operation counts as
/// idempotent unless the [`Context`](buttress_context::Context) says otherwise, and the deadline of the context applies.
/// [Remedies](crate::Remedy) with a blocking action always work; those with an async action need a runtime that can run them
/// on another thread.
///
/// ```
/// use std::time::Duration;
/// use buttress_error::{Error, Kind};
/// use buttress_retry::{Policy, retry_blocking};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let policy = Policy::fixed(Duration::from_millis(2)).build()?;
/// let mut attempts = 0;
/// let job = retry_blocking(&policy, || {
///     attempts += 1;
///     if attempts < 3 { Err(Error::new(Kind::Unavailable, "spooler is starting")) } else { Ok("job 17") }
/// })?;
/// assert_eq!((job, attempts), ("job 17", 3));
/// # Ok(()) }
/// ```
///
/// To set a classifier, another way to sleep, or that the operation is not idempotent, use [`Policy::blocking`].
///
/// # Errors
/// The error of the last attempt, stamped with a [summary](buttress_error::RetrySummary) if its type can store one.
pub fn retry_blocking<F, T, E>(policy: &Policy, attempt: F) -> Result<T, E>
where
    F: FnMut() -> Result<T, E>,
    ByKind: Classifier<T, E>,
{
    policy.blocking().run(attempt)
}

/// Settings of a blocking call, made by [`Policy::blocking`].
#[derive(Clone)]
#[must_use = "`run` makes the call"]
pub struct BlockingRetry<'p, C = ByKind, S = fn(Duration)> {
    policy: &'p Policy,
    classifier: C,
    idempotent: Option<bool>,
    sleep: S,
}

impl Policy {
    /// Starts a blocking call with settings: see [`retry_blocking`].
    ///
    /// ```
    /// use std::sync::mpsc::channel;
    /// use std::time::Duration;
    /// use buttress_error::{Error, Kind};
    /// use buttress_retry::Policy;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let policy = Policy::fixed(Duration::from_secs(3600)).build()?;
    /// let (network_is_up, wake) = channel();
    /// let mut attempts = 0;
    ///
    /// let reply = policy
    ///     .blocking()
    ///     .sleep_with(|wait| drop(wake.recv_timeout(wait))) // an hour, or until the network is up
    ///     .run(|| {
    ///         attempts += 1;
    ///         let _ = network_is_up.send(()); // by another thread, really
    ///         if attempts < 3 { Err(Error::new(Kind::Unavailable, "no network")) } else { Ok("pong") }
    ///     })?;
    /// assert_eq!(reply, "pong");
    /// # Ok(()) }
    /// ```
    pub const fn blocking(&self) -> BlockingRetry<'_> {
        BlockingRetry { policy: self, classifier: ByKind, idempotent: None, sleep: thread::sleep }
    }
}

impl<'p, C, S> BlockingRetry<'p, C, S> {
    /// Sets the classifier that judges outcomes. A closure has to name the type of its argument:
    /// `|outcome: &Result<Job, Busy>| …`.
    pub fn classifier<C2>(self, classifier: C2) -> BlockingRetry<'p, C2, S> {
        let Self { policy, idempotent, sleep, .. } = self;
        BlockingRetry { policy, classifier, idempotent, sleep }
    }

    /// Marks the operation as not idempotent: it is retried only if the failed attempt was provably not processed.
    pub const fn not_idempotent(mut self) -> Self {
        self.idempotent = Some(false);
        self
    }

    /// Sets the function that sleeps between attempts; its argument is the wait. The next attempt begins when it returns, which
    /// may be earlier. To give up, let the attempt return an error that is not retried. Default: [`std::thread::sleep`].
    ///
    /// It is not used to wait for a [`Remedy`](crate::Remedy).
    pub fn sleep_with<S2: FnMut(Duration)>(self, sleep: S2) -> BlockingRetry<'p, C, S2> {
        let Self { policy, classifier, idempotent, .. } = self;
        BlockingRetry { policy, classifier, idempotent, sleep }
    }

    /// Calls `attempt` until it succeeds or the policy stops.
    ///
    /// # Errors
    /// The error of the last attempt, stamped with a [summary](buttress_error::RetrySummary) if its type can store one.
    pub fn run<F, T, E>(self, mut attempt: F) -> Result<T, E>
    where
        C: Classifier<T, E>,
        S: FnMut(Duration),
        F: FnMut() -> Result<T, E>,
    {
        if first_attempt(self.policy) == FirstAttempt::Scoped {
            return self.run_scoped(attempt);
        }
        let start = attempt::start(self.policy);
        let outer = attempt::enter();
        let outcome = attempt();
        let inner = attempt::leave(outer);
        if self.classifier.judge(&outcome).class().is_none() {
            start.succeeded(self.policy);
            return outcome;
        }
        self.run_retries(Call::new(start, inner), outcome, attempt)
    }

    /// Runs a call whose first attempt needs a context of its own.
    #[cold]
    fn run_scoped<T, E>(self, mut attempt: impl FnMut() -> Result<T, E>) -> Result<T, E>
    where
        C: Classifier<T, E>,
        S: FnMut(Duration),
    {
        let overriding = overriding_policy(self.policy);
        let policy = overriding.as_deref().unwrap_or(self.policy);
        let mut call = Call::new(attempt::start(policy), None);
        let outcome = run_attempt(&mut call, policy, &mut attempt);
        BlockingRetry { policy, ..self }.run_retries(call, outcome, attempt)
    }

    fn run_retries<T, E>(
        self,
        mut call: Call<Result<T, E>>,
        mut outcome: Result<T, E>,
        mut attempt: impl FnMut() -> Result<T, E>,
    ) -> Result<T, E>
    where
        C: Classifier<T, E>,
        S: FnMut(Duration),
    {
        let Self { policy, classifier, idempotent, mut sleep } = self;
        let request = RequestInfo::closure(idempotent);
        loop {
            match call.ended(policy, &classifier, outcome, request) {
                Next::Done(outcome) => return outcome,
                Next::Retry(Duration::ZERO) => {}
                Next::Retry(wait) => sleep(wait),
                Next::Remedy(remedy, failed) => {
                    if let Err(failed) = call.remedied(remedy.block(), policy, &classifier, failed, None) {
                        outcome = failed;
                        continue;
                    }
                }
            }
            call.begin_attempt();
            outcome = run_attempt(&mut call, policy, &mut attempt);
        }
    }
}

impl<C, S> fmt::Debug for BlockingRetry<'_, C, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockingRetry").field("policy", self.policy).finish_non_exhaustive()
    }
}

/// Runs an attempt in a context of its own.
fn run_attempt<O>(call: &mut Call<O>, policy: &Policy, attempt: impl FnOnce() -> O) -> O {
    let mut frame = call.frame(policy);
    let outcome = call.watch(|_| {
        let _entered = frame.enter();
        attempt()
    });
    frame.close();
    outcome
}
