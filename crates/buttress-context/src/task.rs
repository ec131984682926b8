//! `Supervision`: runs a task in its context, and logs a failure that nobody reads.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use buttress_error::{Error, Kind, Level};
use tokio::task::JoinError;
use tracing::Span;

use crate::{Context, Frame};

/// The name, context and span of a task, captured when it is spawned.
pub(crate) struct Supervision {
    name: Arc<str>,
    frame: Frame,
    span: Span,
}

impl Supervision {
    pub(crate) fn new(name: Arc<str>) -> Self {
        Self { name, frame: Frame::boundary(Context::current()), span: Span::current() }
    }

    /// Runs `run` in the context and the span of the task.
    fn enter<R>(&mut self, run: impl FnOnce() -> R) -> R {
        let _entered = self.frame.enter();
        self.span.in_scope(run)
    }

    /// Runs `future` as the task. It is boxed, so that a panic in its drop can be caught like one in its polls.
    pub(crate) fn supervise<F, T, E>(self, future: F) -> impl Future<Output = TaskResult<T>> + Send
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send,
        E: Into<Error>,
    {
        let mut task = SupervisedFuture { future: Some(Box::pin(future)), supervision: Some(self) };
        poll_fn(move |cx| {
            let supervision = task.supervision.as_mut().expect("polled after completion");
            let polled = supervision.enter(|| {
                catch_panic(|| {
                    let future = task.future.as_mut().expect("polled after completion");
                    let Poll::Ready(output) = future.as_mut().poll(cx) else { return Poll::Pending };
                    task.future = None;
                    Poll::Ready(output.map_err(Into::into))
                })
            });
            let result = match polled {
                Ok(Poll::Pending) => return Poll::Pending,
                Ok(Poll::Ready(result)) => result,
                Err(panic) => Err(panic),
            };
            // After a panic the future has not been dropped yet. A second panic in its drop is ignored.
            let _ = supervision.enter(|| catch_panic(|| task.future = None));
            let supervision = task.supervision.take().expect("it was borrowed above");
            Poll::Ready(TaskResult { result: Some(result), supervision })
        })
    }

    pub(crate) fn run<T, E: Into<Error>>(mut self, run: impl FnOnce() -> Result<T, E>) -> TaskResult<T> {
        let result = self.enter(|| catch_panic(|| run().map_err(Into::into)));
        let result = result.and_then(|result| result);
        TaskResult { result: Some(result), supervision: self }
    }

    /// Logs a failure that nobody has read.
    fn report_lost(&mut self, error: &Error) {
        let name = Arc::clone(&self.name);
        macro_rules! emit {
            ($level:ident) => {
                tracing::event!(
                    target: "buttress::task",
                    tracing::Level::$level,
                    event = "task.lost",
                    task = &*name,
                    kind = error.kind().as_str(),
                    reason = error.class().reason,
                    error = error as &(dyn std::error::Error + 'static),
                    "a task failed and nobody read its result"
                )
            };
        }
        self.enter(|| match error.kind().level() {
            Level::Debug => emit!(DEBUG),
            Level::Info => emit!(INFO),
            Level::Warn => emit!(WARN),
            _ => emit!(ERROR),
        });
    }
}

struct SupervisedFuture<F> {
    future: Option<Pin<Box<F>>>,
    /// `None` once the task has ended.
    supervision: Option<Supervision>,
}

/// A cancelled task is dropped in its context. Only a panic in that drop is logged.
impl<F> Drop for SupervisedFuture<F> {
    fn drop(&mut self) {
        if let Some(supervision) = &mut self.supervision
            && let Err(panic) = supervision.enter(|| catch_panic(|| self.future = None))
        {
            supervision.report_lost(&panic);
        }
    }
}

/// The result of a task. If it is a failure and dropped unread (by the group, by a handle, or by the runtime if there is no
/// handle any more), it is logged.
pub(crate) struct TaskResult<T> {
    result: Option<Result<T, Error>>,
    supervision: Supervision,
}

impl<T> TaskResult<T> {
    pub(crate) const fn is_err(&self) -> bool {
        matches!(self.result, Some(Err(_)))
    }

    pub(crate) fn read(mut self) -> Result<T, Error> {
        self.result.take().expect("only `read` takes it, and consumes the result")
    }
}

impl<T> Drop for TaskResult<T> {
    fn drop(&mut self) {
        if let Some(Err(error)) = &self.result {
            self.supervision.report_lost(error);
        }
    }
}

/// The error of a task without a result: it was aborted, or its runtime is shutting down.
pub(crate) fn join_error(error: JoinError, name: &str) -> Error {
    match error.try_into_panic() {
        Ok(payload) => panic_error(payload),
        Err(_) => Error::new(Kind::Cancelled, format!("task `{name}` was cancelled")).without_location(),
    }
}

fn catch_panic<R>(run: impl FnOnce() -> R) -> Result<R, Error> {
    // The state that a panic may have left inconsistent is only dropped.
    catch_unwind(AssertUnwindSafe(run)).map_err(panic_error)
}

fn panic_error(payload: Box<dyn Any + Send>) -> Error {
    let message = payload.downcast_ref::<&'static str>().copied();
    let message = message.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let message = message.map_or_else(|| "panicked".to_owned(), |message| format!("panicked: {message}"));
    // A payload may panic while it is dropped. The payload of that panic is leaked.
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        mem::forget(again);
    }
    Error::new(Kind::Panic, message).without_location()
}
