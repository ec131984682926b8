//! `FlushGuard`: what `main` keeps until the program ends.

use std::fmt;
use std::sync::Arc;

use tracing::Metadata;
use tracing_subscriber::fmt::MakeWriter;

use crate::sink::line_sink::LineSink;
use crate::sink::losses::LossCounters;

/// Flushes the writer when it is dropped. Keep it until the end of `main`.
#[must_use = "flushes as soon as it is dropped: bind it to a name other than `_`"]
pub struct FlushGuard {
    flush: Box<dyn Fn(&LineSink) + Send + Sync>,
    sink: Arc<LineSink>,
}

impl FlushGuard {
    pub(crate) fn new<W>(writer: SharedWriter<W>, sink: Arc<LineSink>) -> Self
    where
        W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
    {
        Self { flush: Box::new(move |sink| sink.flush(&writer)), sink }
    }

    /// The counters of what was lost.
    #[must_use]
    pub fn losses(&self) -> &LossCounters {
        self.sink.losses()
    }
}

/// A `flush` that fails or panics is counted in the [`losses`](Self::losses), and has no other effect.
impl Drop for FlushGuard {
    fn drop(&mut self) {
        (self.flush)(&self.sink);
    }
}

impl fmt::Debug for FlushGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlushGuard").field("losses", self.sink.losses()).finish_non_exhaustive()
    }
}

/// One writer, which the layer writes to and the guard flushes.
pub(crate) struct SharedWriter<W>(Arc<W>);

impl<W> SharedWriter<W> {
    pub(crate) fn new(writer: W) -> Self {
        Self(Arc::new(writer))
    }
}

impl<W> Clone for SharedWriter<W> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for SharedWriter<W> {
    type Writer = W::Writer;

    fn make_writer(&'a self) -> W::Writer {
        self.0.make_writer()
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> W::Writer {
        self.0.make_writer_for(metadata)
    }
}
