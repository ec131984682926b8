//! The queue between the threads that log and the thread that writes.

mod backlog;
mod queued_writer;
mod settings;
mod shared;
mod worker;

pub use queued_writer::{QueuedLine, QueuedWriter};
pub use settings::{Queue, WhenFull};
pub(crate) use shared::{EncodeLosses, QueueHandle};
