//! `Guard`: what `main` keeps until the program ends.

use std::fmt;
use std::sync::Arc;

use tracing::Metadata;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

use crate::Losses;
use crate::sink::Gate;

/// Flushes the writer when it is dropped. Keep it until the end of `main`.
#[must_use = "dropped at once it flushes at once: bind it to a name, not to `_`"]
pub struct Guard {
    writer: Shared,
    gate: Arc<Gate>,
}

impl Guard {
    pub(crate) const fn new(writer: Shared, gate: Arc<Gate>) -> Self {
        Self { writer, gate }
    }

    /// What was lost so far.
    #[must_use]
    pub fn losses(&self) -> &Losses {
        self.gate.losses()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // A failure is counted, for whoever keeps the losses of the layer.
        self.gate.flush(&self.writer);
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("losses", self.gate.losses()).finish_non_exhaustive()
    }
}

/// One writer, used by the layer and flushed by the guard.
#[derive(Clone)]
pub(crate) struct Shared(pub(crate) Arc<BoxMakeWriter>);

impl<'a> MakeWriter<'a> for Shared {
    type Writer = <BoxMakeWriter as MakeWriter<'a>>::Writer;

    fn make_writer(&'a self) -> Self::Writer {
        self.0.make_writer()
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Self::Writer {
        self.0.make_writer_for(metadata)
    }
}
