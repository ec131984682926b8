//! For tests: capture what is logged and assert on it (feature `test-util`).

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tracing::subscriber::DefaultGuard;
use tracing::{Dispatch, Metadata, subscriber};
use tracing_subscriber::filter::dynamic_filter_fn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;

use crate::JsonLayer;
use crate::members::{members, string};
use crate::value::Value;

/// Captures every line, of any level, that this thread logs from now until the [`Logs`] are dropped.
///
/// Other threads, and the workers of a multi-threaded runtime, log elsewhere; they may meet the same lines of code, before
/// or at the same time.
///
/// ```
/// let logs = buttress_log::test::capture();
/// tracing::info!(event = "breaker.opened", rule = "rate", failed = 12, "breaker opened");
/// logs.assert_one("breaker.opened").field("rule", "rate").field("failed", 12);
/// logs.assert_none("breaker.closed");
/// ```
#[must_use = "capturing ends when it is dropped"]
pub fn capture() -> Logs {
    keep_listening();
    let lines = Lines::default();
    let subscriber = tracing_subscriber::registry().with(JsonLayer::new(lines.clone()));
    Logs { lines, _guard: subscriber::set_default(subscriber) }
}

/// Has every place in the code ask each time whether somebody listens.
///
/// As long as `tracing` knows of one subscriber only, the first thread that comes by a place decides for all threads: if
/// nobody listens there, say in a test that runs at the same time, the place stays silent. Two subscribers that live as
/// long as the program and take nothing are enough to keep it from that.
fn keep_listening() {
    static DEAF: OnceLock<[Dispatch; 2]> = OnceLock::new();
    DEAF.get_or_init(|| {
        [(); 2].map(|()| Dispatch::new(tracing_subscriber::registry().with(dynamic_filter_fn(|_, _| false))))
    });
}

/// The lines captured so far: see [`capture`].
#[derive(Debug)]
pub struct Logs {
    lines: Lines,
    _guard: DefaultGuard,
}

impl Logs {
    /// All lines, oldest first.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        self.lines.read()
    }

    /// The lines whose field `event` is `event`.
    #[must_use]
    pub fn events(&self, event: &str) -> Vec<Line> {
        self.lines().into_iter().filter(|line| line.is("event", event)).collect()
    }

    /// The one line whose field `event` is `event`.
    ///
    /// # Panics
    /// If there is none or more than one; the message shows all lines.
    #[track_caller]
    #[allow(clippy::must_use_candidate)] // an assertion
    pub fn assert_one(&self, event: &str) -> Line {
        self.one("event", event, self.events(event))
    }

    /// The lines whose message is `message`.
    #[must_use]
    pub fn messages(&self, message: &str) -> Vec<Line> {
        self.lines().into_iter().filter(|line| line.is("message", message)).collect()
    }

    /// The one line whose message is `message`, the whole of it.
    ///
    /// ```
    /// let logs = buttress_log::test::capture();
    /// tracing::error!(order = 42, "order failed");
    /// logs.assert_message("order failed").field("order", 42).field("level", "ERROR");
    /// ```
    ///
    /// # Panics
    /// If there is none or more than one; the message shows all lines.
    #[track_caller]
    #[allow(clippy::must_use_candidate)] // an assertion
    pub fn assert_message(&self, message: &str) -> Line {
        self.one("message", message, self.messages(message))
    }

    #[track_caller]
    fn one(&self, what: &str, name: &str, mut found: Vec<Line>) -> Line {
        match found.pop() {
            Some(line) if found.is_empty() => line,
            last => {
                let count = found.len() + usize::from(last.is_some());
                panic!("expected one {what} `{name}`, found {count}, in:\n{self}")
            }
        }
    }

    /// No line has `event` in its field `event`.
    ///
    /// # Panics
    /// If one has; the message shows all lines.
    #[track_caller]
    pub fn assert_none(&self, event: &str) {
        assert!(self.events(event).is_empty(), "expected no event `{event}`, in:\n{self}");
    }
}

/// All lines, or why there may be none.
impl fmt::Display for Logs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.lines();
        if lines.is_empty() {
            let hint = "(no lines on this thread; other threads are not captured: is it a runtime of flavor = \"multi_thread\"?)";
            return writeln!(f, "{hint}");
        }
        lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line(String);

impl Line {
    /// The JSON text of a field at the root.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        members(&self.0).find(|(name, _)| *name == key).map(|(_, value)| value)
    }

    /// The keys at the root, in their order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        members(&self.0).map(|(key, _)| key)
    }

    /// The line as it was written, without its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Has the field this value?
    #[must_use]
    pub fn is<'v>(&self, key: &str, value: impl Into<Expected<'v>>) -> bool {
        self.get(key) == Some(&value.into().json())
    }

    /// The field `key` is there and has this value. Returns the line, for more.
    ///
    /// # Panics
    /// If it is not there or has another value.
    #[track_caller]
    #[allow(clippy::return_self_not_must_use, clippy::must_use_candidate)] // an assertion
    pub fn field<'v>(self, key: &str, value: impl Into<Expected<'v>>) -> Self {
        let expected = value.into().json();
        assert_eq!(self.get(key), Some(&*expected), "field `{key}` of {self}");
        self
    }

    /// The field `key` is not there. Returns the line, for more.
    ///
    /// # Panics
    /// If it is there.
    #[track_caller]
    #[allow(clippy::return_self_not_must_use, clippy::must_use_candidate)] // an assertion
    pub fn no_field(self, key: &str) -> Self {
        assert_eq!(self.get(key), None, "field `{key}` of {self}");
        self
    }

    /// The text of a field that is a string without escapes.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(string)
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A value to compare a field with: a string, number or boolean. Compared as JSON text, so `1` is not `1.0`.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'v>(Repr<'v>);

#[derive(Clone, Copy, Debug)]
enum Repr<'v> {
    Str(&'v str),
    I64(i64),
    U64(u64),
    F64(f64),
    Bool(bool),
}

impl Expected<'_> {
    fn json(self) -> String {
        let mut out = Vec::new();
        let value = match self.0 {
            Repr::Str(value) => Value::Str(value),
            Repr::I64(value) => Value::I64(value),
            Repr::U64(value) => Value::U64(value),
            Repr::F64(value) => Value::F64(value),
            Repr::Bool(value) => Value::Bool(value),
        };
        value.write(&mut out, usize::MAX, true);
        String::from_utf8_lossy(&out).into_owned()
    }
}

macro_rules! from {
    ($($type:ty => $variant:ident),+) => {
        $(impl<'v> From<$type> for Expected<'v> {
            fn from(value: $type) -> Self {
                Self(Repr::$variant(value.into()))
            }
        })+
    };
}

from!(&'v str => Str, bool => Bool, f64 => F64, i32 => I64, i64 => I64, u32 => U64, u64 => U64);

impl From<usize> for Expected<'_> {
    fn from(value: usize) -> Self {
        Self(Repr::U64(value as u64))
    }
}

/// A writer that keeps what is written, to read in tests; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    /// The lines so far.
    #[must_use]
    pub fn read(&self) -> Vec<Line> {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).split_terminator('\n').map(|line| Line(line.to_owned())).collect()
    }

    /// The bytes so far, as they were written.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl io::Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }

    fn make_writer_for(&self, _: &Metadata<'_>) -> Self {
        self.clone()
    }
}
