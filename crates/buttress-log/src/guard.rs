//! `Guard`: what `main` keeps until the program ends.

use std::fmt;
use std::io::Write;
use std::sync::Arc;

use tracing::Metadata;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

use crate::Losses;

/// Flushes the writer when it is dropped. Keep it until the end of `main`.
#[must_use = "dropped at once it flushes at once: bind it to a name, not to `_`"]
pub struct Guard {
    writer: Shared,
    losses: Arc<Losses>,
}

impl Guard {
    pub(crate) const fn new(writer: Shared, losses: Arc<Losses>) -> Self {
        Self { writer, losses }
    }

    /// What was lost so far.
    #[must_use]
    pub fn losses(&self) -> &Losses {
        &self.losses
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Nobody is left to be told of a failure.
        let _ = self.writer.make_writer().flush();
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("losses", &self.losses).finish_non_exhaustive()
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
