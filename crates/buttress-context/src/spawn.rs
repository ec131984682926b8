//! Tasks, threads and futures that keep the current context.

use std::future::Future;

use tokio::task::JoinHandle;
use tracing::Span;
use tracing::instrument::{Instrument, Instrumented};

use crate::{Context, Frame, Scope};

/// Spawns a task, as [`tokio::spawn`] does, with the current context and the current `tracing` span.
///
/// The context is captured by this call. Reports of the task are discarded.
///
/// ```
/// use buttress_context::Context;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), tokio::task::JoinError> {
/// let cx = Context::current().with_field("order", 42);
/// let task = cx.run(|| buttress_context::spawn(async { Context::current().fields().count() }));
/// assert_eq!(task.await?, 1);
/// # Ok(()) }
/// ```
///
/// # Panics
/// Outside a tokio runtime, as `tokio::spawn` does.
///
/// # Cancel safety
/// Dropping the handle detaches the task, as with `tokio::spawn`.
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    tokio::spawn(with_current_context_future(future))
}

/// Runs a blocking closure, as [`tokio::task::spawn_blocking`] does, with the current context and the current `tracing`
/// span.
///
/// ```
/// use buttress_context::Context;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), tokio::task::JoinError> {
/// let cx = Context::current().with_field("order", 42);
/// let task = cx.run(|| buttress_context::spawn_blocking(|| Context::current().fields().count()));
/// assert_eq!(task.await?, 1);
/// # Ok(()) }
/// ```
///
/// # Panics
/// Outside a tokio runtime, as `tokio::task::spawn_blocking` does.
///
/// # Cancel safety
/// Dropping the handle detaches the task.
#[track_caller]
pub fn spawn_blocking<F, R>(run: F) -> JoinHandle<R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    tokio::task::spawn_blocking(with_current_context(run))
}

/// Wraps `run` so that it runs with the current context and the current `tracing` span, on any thread.
///
/// ```
/// use buttress_context::{Context, with_current_context};
///
/// let cx = Context::current().with_field("order", 42);
/// let thread = cx.run(|| std::thread::spawn(with_current_context(|| Context::current().fields().count())));
/// assert_eq!(thread.join().unwrap(), 1);
/// ```
pub fn with_current_context<R>(run: impl FnOnce() -> R) -> impl FnOnce() -> R {
    let (mut frame, span) = (Frame::boundary(Context::current()), Span::current());
    move || {
        let _entered = frame.enter();
        span.in_scope(run)
    }
}

/// Wraps `future` so that it is polled with the current context and the current `tracing` span: for executors that
/// [`spawn`] does not cover, such as `spawn_local`.
///
/// The context is captured by this call. Reports of the future are discarded.
///
/// ```
/// use buttress_context::{Context, with_current_context_future};
/// use tokio::task::LocalSet;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), tokio::task::JoinError> {
/// let cx = Context::current().with_field("order", 42);
/// let local = LocalSet::new();
/// let task = cx.run(|| local.spawn_local(with_current_context_future(async { Context::current().fields().count() })));
/// assert_eq!(local.run_until(task).await?, 1);
/// # Ok(()) }
/// ```
///
/// # Cancel safety
/// Dropped, it drops `future` in its context.
pub fn with_current_context_future<F: Future>(future: F) -> Scope<Instrumented<F>> {
    Scope::new(Frame::boundary(Context::current()), future.in_current_span())
}
