//! A witness of drops, and a listener to `task.lost`.

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex, mpsc};

use buttress_context::Context;
use tracing::field::{Field, Visit};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::layer::{Context as Registry, Layer, SubscriberExt};

/// Sends what it sees when it is dropped.
pub(crate) struct Witness<T, F: FnMut() -> T> {
    look: F,
    sender: mpsc::Sender<T>,
}

impl<T, F: FnMut() -> T> Witness<T, F> {
    pub(crate) fn new(look: F) -> (Self, mpsc::Receiver<T>) {
        let (sender, receiver) = mpsc::channel();
        (Self { look, sender }, receiver)
    }
}

impl<T, F: FnMut() -> T> Drop for Witness<T, F> {
    fn drop(&mut self) {
        let _ = self.sender.send((self.look)());
    }
}

type Lines = Arc<Mutex<Vec<String>>>;

/// The events of `buttress::task` on this thread, each with the request id of the context that it was told in.
pub(crate) struct Lost {
    lines: Lines,
    _guard: DefaultGuard,
}

impl Lost {
    pub(crate) fn listen() -> Self {
        let lines = Lines::default();
        let subscriber = tracing_subscriber::registry().with(Listener(Arc::clone(&lines)));
        Self { lines, _guard: tracing::subscriber::set_default(subscriber) }
    }

    pub(crate) fn told(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }
}

struct Listener(Lines);

impl<S: tracing::Subscriber> Layer<S> for Listener {
    fn on_event(&self, event: &tracing::Event<'_>, _: Registry<'_, S>) {
        if event.metadata().target() == "buttress::task" {
            let id = Context::current().request_id().map(ToString::to_string).unwrap_or_default();
            let mut line = Line(format!("{} {id}", event.metadata().level()));
            event.record(&mut line);
            self.0.lock().unwrap().push(line.0);
        }
    }
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() != "message" {
            write!(self.0, " {}={value:?}", field.name()).unwrap();
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        write!(self.0, " {}={value}", field.name()).unwrap();
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        write!(self.0, " {}={value}", field.name()).unwrap();
    }
}
