//! `spawn_supervised`: a task whose failure is logged if it is never read.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Cx, Poll, ready};

use buttress_error::Error;
use tokio::task::JoinHandle;

use crate::task::{Supervision, TaskResult, join_error};

/// [`spawn`](crate::spawn) for a task that may fail: if the handle is not awaited, a failure or panic is logged once, with
/// the context of the task, as `task.lost` (target `buttress::task`).
///
/// ```
/// use buttress_context::spawn_supervised;
/// use buttress_error::{Error, Kind};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Error> {
/// assert_eq!(spawn_supervised("refresh", async { Ok::<_, Error>(42) }).await?, 42);
///
/// let failed = spawn_supervised("refresh", async { Err::<(), _>(Error::new(Kind::NotFound, "no such shop")) });
/// assert_eq!(failed.await.unwrap_err().kind(), Kind::NotFound);
/// # Ok(()) }
/// ```
///
/// # Panics
/// Outside a tokio runtime, as `tokio::spawn` does.
///
/// # Cancel safety
/// Dropping the handle detaches the task.
#[track_caller]
pub fn spawn_supervised<F, T, E>(name: impl Into<Arc<str>>, future: F) -> Supervised<T>
where
    F: Future<Output = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: Into<Error> + 'static,
{
    let name = name.into();
    let task = tokio::spawn(Supervision::new(Arc::clone(&name)).supervise(future));
    Supervised { task, name }
}

/// The handle of a task from [`spawn_supervised`]: a future of its result. A panic is an error of kind
/// [`Panic`](buttress_error::Kind::Panic), a task that was cancelled one of kind
/// [`Cancelled`](buttress_error::Kind::Cancelled).
pub struct Supervised<T> {
    task: JoinHandle<TaskResult<T>>,
    name: Arc<str>,
}

impl<T> Supervised<T> {
    /// Cancels the task, if it has not ended.
    pub fn abort(&self) {
        self.task.abort();
    }

    /// Returns `true` if the task has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.task.is_finished()
    }
}

impl<T> Future for Supervised<T> {
    type Output = Result<T, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Cx<'_>) -> Poll<Self::Output> {
        let joined = ready!(Pin::new(&mut self.task).poll(cx));
        Poll::Ready(joined.map_err(|error| join_error(error, &self.name)).and_then(TaskResult::read))
    }
}

impl<T> fmt::Debug for Supervised<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ended = self.task.is_finished();
        f.debug_struct("Supervised")
            .field("name", &self.name)
            .field("is_finished", &ended)
            .finish_non_exhaustive()
    }
}
