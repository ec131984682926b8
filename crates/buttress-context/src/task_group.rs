//! `TaskGroup`: tasks that are joined together.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use buttress_error::{Error, ErrorGroup};
use tokio::task::JoinSet;

use crate::task::{Supervision, TaskResult, join_error};

/// A group of tasks that are joined together, each with the context and the `tracing` span current when it was spawned.
///
/// [`new`](Self::new) cancels the others when one fails; [`collect_all`](Self::collect_all) lets them end. Either way no
/// task is running when [`join`](Self::join) returns, and no failure is lost: a panic is an error of kind
/// [`Panic`](buttress_error::Kind::Panic), and each failure that is unread when the group is dropped is logged once, with the
/// context of its task, as `task.lost` (target `buttress::task`).
///
/// ```
/// use buttress_context::TaskGroup;
/// use buttress_error::{Error, Kind};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Error> {
/// let mut group = TaskGroup::new("prices");
/// for shop in 1..=3 {
///     group.spawn(async move { Ok::<_, Error>(shop * 10) });
/// }
/// assert_eq!(group.join().await?, [10, 20, 30]);
///
/// let mut group = TaskGroup::new("prices");
/// group.spawn(std::future::pending::<Result<u32, Error>>());
/// group.spawn(async { Err(Error::new(Kind::Unavailable, "shop closed")) });
/// assert_eq!(group.join().await.unwrap_err().to_string(), "shop closed");
/// # Ok(()) }
/// ```
///
/// # Cancel safety
/// Dropping the group, or the future of [`join`](Self::join), cancels every task. The tasks are dropped by the runtime soon
/// after, in their context; a [blocking](Self::spawn_blocking) one that has begun runs to its end.
#[must_use = "dropping a group cancels its tasks"]
pub struct TaskGroup<T> {
    name: Arc<str>,
    tasks: JoinSet<(usize, TaskResult<T>)>,
    spawned: usize,
    on_failure: OnFailure,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OnFailure {
    CancelOthers,
    Continue,
}

impl<T: Send + 'static> TaskGroup<T> {
    /// Creates a group whose tasks are cancelled when one of them fails. The name appears in the log.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), tasks: JoinSet::new(), spawned: 0, on_failure: OnFailure::CancelOthers }
    }

    /// Creates a group whose tasks all run to their end, even if others fail.
    pub fn collect_all(name: impl Into<Arc<str>>) -> Self {
        Self { on_failure: OnFailure::Continue, ..Self::new(name) }
    }

    /// Spawns a task.
    ///
    /// # Panics
    /// Outside a tokio runtime, as `tokio::spawn` does.
    #[track_caller]
    pub fn spawn<F, E>(&mut self, future: F)
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        E: Into<Error> + 'static,
    {
        let index = self.next();
        let task = Supervision::new(Arc::clone(&self.name)).supervise(future);
        self.tasks.spawn(async move { (index, task.await) });
    }

    /// Spawns a blocking task on tokio's blocking pool. It can't be cancelled once it has begun: [`join`](Self::join) waits
    /// for it.
    ///
    /// # Panics
    /// Outside a tokio runtime, as `tokio::task::spawn_blocking` does.
    #[track_caller]
    pub fn spawn_blocking<F, E>(&mut self, run: F)
    where
        F: FnOnce() -> Result<T, E> + Send + 'static,
        E: Into<Error>,
    {
        let index = self.next();
        let supervision = Supervision::new(Arc::clone(&self.name));
        self.tasks.spawn_blocking(move || (index, supervision.run(run)));
    }

    const fn next(&mut self) -> usize {
        let index = self.spawned;
        self.spawned += 1;
        index
    }

    /// Returns the number of tasks spawned.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.spawned
    }

    /// Returns `true` if no task was spawned.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.spawned == 0
    }

    /// Waits until every task has ended, and returns their values in the order of spawning.
    ///
    /// The other tasks are cancelled only here, when it reads the first failure.
    ///
    /// # Errors
    /// The failure, if there was one; an [`ErrorGroup`] with the name of this group, if there were several, in the order
    /// in which the tasks ended. A task that was cancelled because another failed is not included.
    ///
    /// # Cancel safety
    /// Dropping this future drops the group.
    pub async fn join(mut self) -> Result<Vec<T>, Error> {
        // TaskResult until the last await: if this future is dropped, their failures are logged.
        let mut ended: Vec<(usize, TaskResult<T>)> = Vec::with_capacity(self.spawned);
        let mut lost = Vec::new();
        let mut cancelled = false;
        while let Some(joined) = self.tasks.join_next().await {
            let failed = match joined {
                Ok(end) => {
                    ended.push(end);
                    ended.last().is_some_and(|(_, result)| result.is_err())
                }
                Err(error) if cancelled && error.is_cancelled() => false,
                Err(error) => {
                    lost.push(join_error(error, &self.name));
                    true
                }
            };
            if failed && self.on_failure == OnFailure::CancelOthers {
                cancelled = true;
                self.tasks.abort_all();
            }
        }
        let mut values = Vec::with_capacity(ended.len());
        let mut failures = Vec::new();
        for (index, result) in ended {
            match result.read() {
                Ok(value) => values.push((index, value)),
                Err(error) => failures.push(error),
            }
        }
        failures.append(&mut lost);
        if failures.len() < 2
            && let Some(only) = failures.pop()
        {
            return Err(only);
        }
        if let Some(group) = ErrorGroup::of(failures) {
            return Err(group.message(self.name.to_string()).into());
        }
        values.sort_unstable_by_key(|(index, _)| *index);
        Ok(values.into_iter().map(|(_, value)| value).collect())
    }
}

impl<T> fmt::Debug for TaskGroup<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut group = f.debug_struct("TaskGroup");
        group.field("name", &self.name).field("spawned", &self.spawned);
        group.field("on_failure", &self.on_failure).finish_non_exhaustive()
    }
}
