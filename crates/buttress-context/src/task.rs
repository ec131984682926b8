//! What a task is watched by: its context, and a result that can't vanish.

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

/// Name, context and span of a task, as they were when it was spawned.
pub(crate) struct Supervision {
    name: Arc<str>,
    frame: Frame,
    span: Span,
}

impl Supervision {
    pub(crate) fn new(name: Arc<str>) -> Self {
        Self { name, frame: Frame::boundary(Context::current()), span: Span::current() }
    }

    /// Runs in the context and in the span.
    fn within<R>(&mut self, run: impl FnOnce() -> R) -> R {
        let _entered = self.frame.enter();
        self.span.in_scope(run)
    }

    /// `future`, boxed so that a panic in its drop can be caught like one in its polls.
    pub(crate) fn watch<F, T, E>(self, future: F) -> impl Future<Output = Unread<T>> + Send
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send,
        E: Into<Error>,
    {
        let mut watched = Watched { future: Some(Box::pin(future)), supervision: Some(self) };
        poll_fn(move |cx| {
            let supervision = watched.supervision.as_mut().expect("polled after completion");
            let polled = supervision.within(|| {
                caught(|| {
                    let future = watched.future.as_mut().expect("polled after completion");
                    let Poll::Ready(output) = future.as_mut().poll(cx) else { return Poll::Pending };
                    watched.future = None;
                    Poll::Ready(output.map_err(Into::into))
                })
            });
            let result = match polled {
                Ok(Poll::Pending) => return Poll::Pending,
                Ok(Poll::Ready(result)) => result,
                Err(panic) => Err(panic),
            };
            // After a panic the future is still there; one more in its drop adds nothing.
            let _ = supervision.within(|| caught(|| watched.future = None));
            let supervision = watched.supervision.take().expect("it was just there");
            Poll::Ready(Unread { result: Some(result), supervision })
        })
    }

    pub(crate) fn run<T, E: Into<Error>>(mut self, run: impl FnOnce() -> Result<T, E>) -> Unread<T> {
        let result = self.within(|| caught(|| run().map_err(Into::into)));
        let result = result.and_then(|result| result);
        Unread { result: Some(result), supervision: self }
    }

    /// Tells the log what nobody has read.
    fn tell(&mut self, error: &Error) {
        let name = Arc::clone(&self.name);
        macro_rules! tell {
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
        self.within(|| match error.kind().level() {
            Level::Debug => tell!(DEBUG),
            Level::Info => tell!(INFO),
            Level::Warn => tell!(WARN),
            _ => tell!(ERROR),
        });
    }
}

struct Watched<F> {
    future: Option<Pin<Box<F>>>,
    /// None once the task has ended.
    supervision: Option<Supervision>,
}

/// A task that is cancelled is dropped in its context; a panic on the way is all that it has to tell.
impl<F> Drop for Watched<F> {
    fn drop(&mut self) {
        if let Some(supervision) = &mut self.supervision
            && let Err(panic) = supervision.within(|| caught(|| self.future = None))
        {
            supervision.tell(&panic);
        }
    }
}

/// The result of a task. Unless it is read, its failure goes to the log when it is dropped: by the group, by a handle, or
/// by the runtime where no handle is left.
pub(crate) struct Unread<T> {
    result: Option<Result<T, Error>>,
    supervision: Supervision,
}

impl<T> Unread<T> {
    pub(crate) const fn is_err(&self) -> bool {
        matches!(self.result, Some(Err(_)))
    }

    pub(crate) fn read(mut self) -> Result<T, Error> {
        self.result.take().expect("only read takes it")
    }
}

impl<T> Drop for Unread<T> {
    fn drop(&mut self) {
        if let Some(Err(error)) = &self.result {
            self.supervision.tell(error);
        }
    }
}

/// What is left of a task that has no result: it was cancelled from outside, or its runtime is shutting down.
pub(crate) fn of_join(error: JoinError, name: &str) -> Error {
    match error.try_into_panic() {
        Ok(payload) => of_panic(payload),
        Err(_) => Error::new(Kind::Cancelled, format!("task `{name}` was cancelled")).without_location(),
    }
}

fn caught<R>(run: impl FnOnce() -> R) -> Result<R, Error> {
    // What the task leaves behind is dropped and not looked at.
    catch_unwind(AssertUnwindSafe(run)).map_err(of_panic)
}

fn of_panic(payload: Box<dyn Any + Send>) -> Error {
    let message = payload.downcast_ref::<&'static str>().copied();
    let message = message.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let message = message.map_or_else(|| "panicked".to_owned(), |message| format!("panicked: {message}"));
    // A payload may panic while it is dropped. What that panic holds is leaked.
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        mem::forget(again);
    }
    Error::new(Kind::Panic, message).without_location()
}
