//! `spawn`: a task that keeps its context.

use std::future::Future;

use tokio::task::JoinHandle;
use tracing::Instrument;

use crate::{Context, Frame, Scope};

/// [`tokio::spawn`], keeping the current context and the current `tracing` span.
///
/// Deadline, ids and fields are those of the moment of the call; the task reports to nobody.
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
    tokio::spawn(Scope::new(Frame::boundary(Context::current()), future.in_current_span()))
}
