//! `Output`: from an encoded line to its writer.

use std::any::TypeId;
use std::io::Write;
use std::sync::Arc;

use tracing::Metadata;
use tracing_subscriber::fmt::MakeWriter;

use crate::human::Human;
use crate::schema::SchemaWriter;
use crate::sink::line_sink::LineSink;
use crate::sink::queue::QueuedWriter;
use crate::tail::LineOutput;
use crate::volume::VolumeGate;

/// Shared by a layer and by the lines of it that calls keep.
#[derive(Debug)]
pub(super) struct Output<W> {
    pub(super) writer: W,
    pub(super) sink: Arc<LineSink>,
    /// None if nothing limits the volume.
    pub(super) volume: Option<Arc<VolumeGate>>,
}

impl<W> LineOutput for Output<W>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    fn write_line(&self, line: &[u8], metadata: &'static Metadata<'static>) {
        if self.volume.as_ref().is_some_and(|volume| !volume.admits_bytes(metadata, line.len())) {
            self.sink.losses().add_suppressed();
            return;
        }
        if self.sink.is_queue() || is_queue::<W>() {
            // No lock is held while a thread waits for room in a full queue, so others need not wait with it. The queue
            // counts what is lost.
            let _ = self.writer.make_writer_for(metadata).write(line);
        } else {
            self.sink.write(&self.writer, line, metadata);
        }
    }
}

/// Returns `true` if `W` puts lines into a queue, as several threads may at once.
fn is_queue<W: 'static>() -> bool {
    let queues = [
        TypeId::of::<QueuedWriter>(),
        TypeId::of::<Human<QueuedWriter>>(),
        TypeId::of::<SchemaWriter<QueuedWriter>>(),
    ];
    queues.contains(&TypeId::of::<W>())
}
