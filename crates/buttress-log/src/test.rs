//! For tests: capture lines and assert on them (feature `test-util`).

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tracing::subscriber::DefaultGuard;
use tracing::{Dispatch, Metadata, subscriber};
use tracing_subscriber::filter::dynamic_filter_fn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;

use crate::encode::value::{Value, ValueFormat};
use crate::json::reader::{members, string};
use crate::layer::JsonLayer;
use crate::number_forms::NumberForms;

/// Captures every line of any level that this thread logs until the [`Logs`] are dropped.
///
/// The lines of other threads are not captured, such as those of the workers of a multi-threaded runtime. Other threads may
/// run the same code at the same time.
///
/// ```
/// let logs = buttress_log::test::capture();
/// tracing::info!(event = "breaker.opened", rule = "rate", failed = 12, "breaker opened");
/// logs.assert_one("breaker.opened").field("rule", "rate").field("failed", 12);
/// logs.assert_none("breaker.closed");
/// ```
#[must_use = "capturing ends when it is dropped"]
pub fn capture() -> Logs {
    keep_callsites_enabled();
    let lines = LineBuffer::default();
    let subscriber = tracing_subscriber::registry().with(JsonLayer::new(lines.clone()));
    Logs { lines, _guard: subscriber::set_default(subscriber) }
}

/// Makes `tracing` ask the subscriber of the current thread at each event.
///
/// While `tracing` knows only one subscriber, the first thread that passes a callsite decides for all threads: if that thread
/// has no subscriber, as in a test that runs at the same time, the callsite is disabled. Two subscribers that live as long as
/// the program and take nothing prevent that.
fn keep_callsites_enabled() {
    static SUBSCRIBERS: OnceLock<[Dispatch; 2]> = OnceLock::new();
    SUBSCRIBERS.get_or_init(|| {
        [(); 2].map(|()| Dispatch::new(tracing_subscriber::registry().with(dynamic_filter_fn(|_, _| false))))
    });
}

/// The captured lines: see [`capture`].
#[derive(Debug)]
pub struct Logs {
    lines: LineBuffer,
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

    /// Asserts that exactly one line has `event` in its field `event`, and returns it.
    ///
    /// # Panics
    /// If there is none or more than one. The message shows all lines.
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

    /// Asserts that exactly one line has the message `message`, and returns it. A part of a message does not match.
    ///
    /// ```
    /// let logs = buttress_log::test::capture();
    /// tracing::error!(order = 42, "order failed");
    /// logs.assert_message("order failed").field("order", 42).field("level", "ERROR");
    /// ```
    ///
    /// # Panics
    /// If there is none or more than one. The message shows all lines.
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
                panic!("expected exactly one {what} `{name}`, found {count} in:\n{self}")
            }
        }
    }

    /// Asserts that no line has `event` in its field `event`.
    ///
    /// # Panics
    /// If there is one. The message shows all lines.
    #[track_caller]
    pub fn assert_none(&self, event: &str) {
        assert!(self.events(event).is_empty(), "expected no event `{event}` in:\n{self}");
    }
}

/// All lines, or a hint why there are none.
impl fmt::Display for Logs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.lines();
        if lines.is_empty() {
            return f.write_str(
                "(no lines on this thread; other threads are not captured, such as the workers of a multi_thread runtime)\n",
            );
        }
        lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// A captured line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line(String);

impl Line {
    /// The JSON text of the value of a field at the root.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        members(&self.0).find(|(name, _)| *name == key).map(|(_, value)| value)
    }

    /// The keys at the root, in the order of the line.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        members(&self.0).map(|(key, _)| key)
    }

    /// The line as it was written, without its newline.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns `true` if the field has this value.
    #[must_use]
    pub fn is<'v>(&self, key: &str, value: impl Into<ExpectedValue<'v>>) -> bool {
        self.get(key) == Some(&value.into().json())
    }

    /// Asserts that the field `key` has this value. Returns the line for further assertions.
    ///
    /// # Panics
    /// If the field is absent or has another value.
    #[track_caller]
    #[allow(clippy::return_self_not_must_use, clippy::must_use_candidate)] // an assertion
    pub fn field<'v>(self, key: &str, value: impl Into<ExpectedValue<'v>>) -> Self {
        let expected = value.into().json();
        assert_eq!(self.get(key), Some(&*expected), "field `{key}` of {self}");
        self
    }

    /// Asserts that there is no field `key`. Returns the line for further assertions.
    ///
    /// # Panics
    /// If there is one.
    #[track_caller]
    #[allow(clippy::return_self_not_must_use, clippy::must_use_candidate)] // an assertion
    pub fn no_field(self, key: &str) -> Self {
        assert_eq!(self.get(key), None, "field `{key}` of {self}");
        self
    }

    /// The text of a field that is a string, still escaped.
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

/// A value to compare a field with: a string, a number or a boolean. The JSON texts are compared, so `1` is not `1.0`.
#[derive(Clone, Copy, Debug)]
pub struct ExpectedValue<'v>(Scalar<'v>);

#[derive(Clone, Copy, Debug)]
enum Scalar<'v> {
    Str(&'v str),
    I64(i64),
    U64(u64),
    F64(f64),
    Bool(bool),
}

impl ExpectedValue<'_> {
    fn json(self) -> String {
        let mut out = Vec::new();
        let value = match self.0 {
            Scalar::Str(value) => Value::Str(value),
            Scalar::I64(value) => Value::I64(value),
            Scalar::U64(value) => Value::U64(value),
            Scalar::F64(value) => Value::F64(value),
            Scalar::Bool(value) => Value::Bool(value),
        };
        value.write(&mut out, ValueFormat { limit: usize::MAX, redactor: None, numbers: NumberForms::new() });
        String::from_utf8_lossy(&out).into_owned()
    }
}

macro_rules! from {
    ($($type:ty => $variant:ident),+) => {
        $(impl<'v> From<$type> for ExpectedValue<'v> {
            fn from(value: $type) -> Self {
                Self(Scalar::$variant(value.into()))
            }
        })+
    };
}

from!(&'v str => Str, bool => Bool, f64 => F64, i32 => I64, i64 => I64, u32 => U64, u64 => U64);

impl From<usize> for ExpectedValue<'_> {
    fn from(value: usize) -> Self {
        Self(Scalar::U64(value as u64))
    }
}

/// A writer that keeps what is written in memory. Clones share the memory.
#[derive(Clone, Debug, Default)]
pub struct LineBuffer(Arc<Mutex<Vec<u8>>>);

impl LineBuffer {
    /// The lines written so far.
    #[must_use]
    pub fn read(&self) -> Vec<Line> {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).split_terminator('\n').map(|line| Line(line.to_owned())).collect()
    }

    /// The bytes written so far.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl io::Write for LineBuffer {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for LineBuffer {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }

    fn make_writer_for(&self, _: &Metadata<'_>) -> Self {
        self.clone()
    }
}
