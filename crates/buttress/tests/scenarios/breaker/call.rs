//! A call of the dependency that a breaker guards, in its two halves.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::steps::Ending;
use crate::api::{Error, Permit, Rejection};
use crate::suite::{Outcome, same, words};

/// An admitted call that has not ended.
pub(super) enum InFlight {
    Permit(Permit),
    Task(JoinHandle<Result<(), Error>>, oneshot::Sender<Ending>),
}

/// What a call of the dependency is told: that it has begun, and later how it ends.
pub(super) struct Told {
    begun: oneshot::Sender<()>,
    ending: oneshot::Receiver<Ending>,
}

/// The dependency, which does what it is told. (A cancelled call is dropped meanwhile.)
pub(super) async fn dependency(told: Told) -> Result<(), Error> {
    told.begun.send(()).expect("the runner waits for it");
    match told.ending.await {
        Ok(Ending::Ok) => Ok(()),
        Ok(Ending::Panicked) => resume_unwind(Box::new("as told")),
        Ok(ending) => Err(Error::new(ending.kind(), "as told")),
        Err(_) => std::future::pending().await,
    }
}

/// Makes a call in a task of its own, and waits until it has begun or was refused.
pub(super) async fn spawn<F>(call: impl FnOnce(Told) -> F) -> Result<Result<InFlight, Rejection>, String>
where
    F: Future<Output = Result<(), Error>> + Send + 'static,
{
    let (begun, has_begun) = oneshot::channel();
    let (tell, ending) = oneshot::channel();
    let task = tokio::spawn(call(Told { begun, ending }));
    if has_begun.await.is_ok() {
        return Ok(Ok(InFlight::Task(task, tell)));
    }
    let error = task.await.map_err(words)?.err().ok_or("a call has succeeded without being made")?;
    Ok(Err(error.find::<Rejection>().ok_or_else(|| format!("no rejection: {error:?}"))?.clone()))
}

impl InFlight {
    pub(super) async fn end(self, ending: Ending) -> Outcome {
        match (self, ending) {
            (Self::Permit(permit), Ending::Ok) => permit.success(),
            (Self::Permit(permit), Ending::Cancelled) => drop(permit),
            (Self::Permit(permit), Ending::Panicked) => {
                let call = AssertUnwindSafe(|| {
                    let _permit = permit;
                    resume_unwind(Box::new("as told"))
                });
                let panicked: Result<(), _> = catch_unwind(call);
                drop(panicked);
            }
            (Self::Permit(permit), ending) => permit.failure(ending.kind()),
            (Self::Task(task, _tell), Ending::Cancelled) => {
                task.abort();
                let cancelled = task.await.is_err_and(|error| error.is_cancelled());
                return same("was the call cancelled", &true, &cancelled);
            }
            (Self::Task(task, tell), ending) => {
                // If it has ended before, the task tells how.
                let _ = tell.send(ending);
                return match (task.await, ending) {
                    (Ok(Ok(())), Ending::Ok) => Ok(()),
                    (Err(error), Ending::Panicked) if error.is_panic() => Ok(()),
                    (Ok(Err(error)), _) if error.kind() == ending.kind() => Ok(()),
                    (other, _) => {
                        Err(format!("the call was to end as {ending:?}, and came out as {other:?}"))
                    }
                };
            }
        }
        Ok(())
    }
}
