//! `retry_blocking`: the policy around a closure that blocks.

use std::borrow::Borrow;
use std::thread;

use buttress_error::{ByKind, Classifier};

use crate::operation::{self, Next, Operation, Repeatability};
use crate::{Policy, nested, overriding};

/// Calls `attempt` until it succeeds or `policy` (a reference or a value) says stop; between attempts the thread sleeps.
///
/// It needs no runtime. In one, it belongs where blocking is allowed, as in `spawn_blocking`. As with
/// [`retry`](crate::retry) the operation is taken for idempotent unless the [`Context`](buttress_context::Context) says
/// otherwise, whose deadline is kept to as well. [Remedies](crate::Remedy) that block are run; those that are async only
/// if there is a runtime on whose other threads they can run.
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
/// # Errors
/// The last attempt's own error, stamped with what was done where its type can hold that.
pub fn retry_blocking<P, F, T, E>(policy: P, attempt: F) -> Result<T, E>
where
    P: Borrow<Policy>,
    F: FnMut() -> Result<T, E>,
    ByKind: Classifier<T, E>,
{
    retry_blocking_with(policy, &ByKind, attempt)
}

/// [`retry_blocking`], judged by `classifier`.
///
/// # Errors
/// As there.
pub fn retry_blocking_with<P, C, F, T, E>(policy: P, classifier: &C, mut attempt: F) -> Result<T, E>
where
    P: Borrow<Policy>,
    C: Classifier<T, E>,
    F: FnMut() -> Result<T, E>,
{
    let policy = policy.borrow();
    if overriding::begins_apart(policy) {
        let own = overriding::policy(policy);
        return begin_apart(own.as_deref().unwrap_or(policy), classifier, attempt);
    }
    let begin = operation::begin(policy);
    let outer = nested::enter();
    let outcome = attempt();
    let given_up = nested::leave(outer);
    if classifier.judge(&outcome).class().is_none() {
        operation::succeeded_at_once(policy);
        return outcome;
    }
    repeat(policy, classifier, attempt, outcome, Operation::new(begin, given_up))
}

/// A call whose first attempt isn't run as it comes: see [`overriding::begins_apart`].
#[cold]
fn begin_apart<T, E>(
    policy: &Policy,
    classifier: &impl Classifier<T, E>,
    mut attempt: impl FnMut() -> Result<T, E>,
) -> Result<T, E> {
    let mut operation = Operation::new(operation::begin(policy), None);
    let outcome = run(&mut operation, policy, &mut attempt);
    repeat(policy, classifier, attempt, outcome, operation)
}

fn repeat<T, E>(
    policy: &Policy,
    classifier: &impl Classifier<T, E>,
    mut attempt: impl FnMut() -> Result<T, E>,
    mut outcome: Result<T, E>,
    mut operation: Operation,
) -> Result<T, E> {
    let request = Repeatability { idempotent: None, assume_idempotent: true, replayable: true };
    loop {
        match operation.ended(policy, classifier, &mut outcome, request) {
            None => return outcome,
            Some(Next::Wait(wait)) => thread::sleep(wait),
            Some(Next::Heal(healing)) => {
                if !operation.remedied(healing.block(), classifier, &outcome) {
                    continue;
                }
            }
        }
        operation.next_attempt();
        outcome = run(&mut operation, policy, &mut attempt);
    }
}

/// An attempt, in a context of its own.
fn run<O>(operation: &mut Operation, policy: &Policy, attempt: impl FnOnce() -> O) -> O {
    let mut frame = operation.frame(policy);
    let outcome = operation.attempt(|_| {
        let _entered = frame.enter();
        attempt()
    });
    frame.close();
    outcome
}
