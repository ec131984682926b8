//! The way from an encoded line to a writer, and the counters of what was lost on it.

pub(crate) mod failure;
pub(crate) mod file;
pub(crate) mod guard;
pub(crate) mod line_sink;
pub(crate) mod losses;
pub(crate) mod queue;
pub(crate) mod severity;
pub(crate) mod stats;
pub(crate) mod write;
