//! `Error`: one word that holds everything a layer, a log line or an exit code asks for.

mod build;
mod convert;
mod details;
mod logged;
mod render;
mod report;
mod search;
mod trace;

use std::any::Any;
use std::borrow::Cow;
use std::error::Error as StdError;
use std::panic::Location;
use std::sync::Arc;

use crate::{BoxError, Class, Effort, ErrorGroup, Rejection, Value, Violation};
use logged::Logged;
pub(crate) use render::members_on_a_line;
#[cfg(feature = "serde")]
pub(crate) use render::shown;
pub use report::ErrorReport;
use trace::Trace;

pub(crate) type Text = Cow<'static, str>;
type Shared = Arc<dyn StdError + Send + Sync>;
type Place = Option<&'static Location<'static>>;

/// How many links of a chain are followed at most: a guard against errors that are their own source.
pub(crate) const MAX_DEPTH: usize = 64;

/// How many members of groups a line or a report shows in all, and on how many levels.
const MAX_MEMBERS: usize = 64;
const MAX_LEVELS: usize = 8;

/// An error of known [`Kind`](crate::Kind), with what happened, why, where, and what was being done.
///
/// One word wide and cheap to clone. It takes every classified error by `?` and keeps it whole: its message, its
/// `source()` chain, and the value itself for [`find`](Self::find). In a [`BoxError`] and back it stays the same
/// value.
///
/// ```
/// use buttress_error::{Error, Kind, ResultExt};
///
/// fn read(path: &str) -> Result<String, Error> {
///     std::fs::read_to_string(path).note("while starting").attr("path", path)
/// }
///
/// let error = read("/no/such/file").unwrap_err();
/// assert_eq!(error.kind(), Kind::NotFound);
/// assert_eq!(error.notes().collect::<Vec<_>>(), ["while starting"]);
/// assert!(error.find::<std::io::Error>().is_some());
/// ```
///
/// Who reads what:
///
/// | | for |
/// |---|---|
/// | `Display`: one line without the causes; `{:#}` adds the chain, still on one line if its messages are | log lines |
/// | `Debug`, [`report`](Self::report): everything, line by line | people at a terminal |
/// | [`safe`](Self::safe): only what is public | clients |
/// | `serde::Serialize` (feature `serde`): everything | machines |
///
/// `Debug`, the report and the serialised form leave out the values of [attributes](Self::attr) whose key is
/// [secret](crate::is_secret).
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    class: Class,
    what: What,
    source: Option<Source>,
    location: Place,
    logged: Logged,
    extra: Option<Box<Extra>>,
}

/// A tree of our own errors is taken apart link by link: by itself it would be dropped to the depth of its length, which
/// no stack has to hold.
impl Drop for Inner {
    fn drop(&mut self) {
        // Empty, and so without an allocation, where nothing branches.
        let mut pending = Vec::new();
        let mut next = self.take_apart(&mut pending);
        while let Some(mut error) = next.or_else(|| pending.pop()) {
            next = Arc::get_mut(&mut error.0).and_then(|inner| inner.take_apart(&mut pending));
        }
    }
}

impl Inner {
    /// The next link; members of a group, and what is behind a barrier, are left for later.
    fn take_apart(&mut self, pending: &mut Vec<Error>) -> Option<Error> {
        if let What::Value(value) = &mut self.what
            && value.is::<ErrorGroup>()
            && let Some(group) = Arc::get_mut(value).and_then(|value| value.downcast_mut::<ErrorGroup>())
        {
            pending.append(&mut group.take_members());
        }
        pending.extend(self.extra.as_mut().and_then(|extra| extra.hidden.take()));
        match self.source.take() {
            Some(Source::Ours(error)) => Some(error),
            _ => None,
        }
    }
}

#[derive(Clone)]
enum What {
    /// A message of our own.
    Text(Text),
    /// The same about the error that is our source: its class and its origin are ours.
    Context(Text),
    /// An error of another type, whose message and chain are ours.
    Value(Shared),
    /// The same, inline: a refused call costs one allocation and not two.
    Rejection(Rejection),
}

impl What {
    fn of<E: StdError + Send + Sync + 'static>(error: E) -> Self {
        let mut slot = Some(error);
        match (&mut slot as &mut dyn Any).downcast_mut().and_then(Option::take) {
            Some(rejection) => Self::Rejection(rejection),
            None => Self::Value(Arc::new(slot.expect("only a rejection was taken out"))),
        }
    }

    fn value(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Text(_) | Self::Context(_) => None,
            Self::Value(value) => Some(&**value),
            Self::Rejection(rejection) => Some(rejection),
        }
    }
}

/// A cause: ours has no box of its own.
#[derive(Clone)]
enum Source {
    Ours(Error),
    Other(Shared),
}

impl Source {
    fn of(error: BoxError) -> Self {
        match error.downcast::<Error>() {
            Ok(ours) => Self::Ours(*ours),
            Err(other) => Self::Other(other.into()),
        }
    }

    fn get(&self) -> &(dyn StdError + 'static) {
        match self {
            Self::Ours(error) => error,
            Self::Other(error) => &**error,
        }
    }
}

/// What most errors don't have.
#[derive(Clone, Default)]
struct Extra {
    domain: Option<Arc<str>>,
    public: Option<Text>,
    notes: Vec<Text>,
    hints: Vec<Text>,
    attrs: Vec<(&'static str, Value)>,
    violations: Vec<Violation>,
    effort: Option<Effort>,
    hidden: Option<Error>,
    trace: Option<Trace>,
}

impl Error {
    fn edit(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    fn edit_extra(self, change: impl FnOnce(&mut Extra)) -> Self {
        self.edit(|inner| change(inner.extra.get_or_insert_default()))
    }

    fn extra(&self) -> Option<&Extra> {
        self.0.extra.as_deref()
    }

    /// The error of another type that it is.
    pub(crate) fn wrapped(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.what.value()
    }

    /// The cause that it was given.
    fn given(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_ref().map(Source::get)
    }

    /// What it is about, where it only adds context.
    fn inner(&self) -> Option<&Self> {
        match (&self.0.what, &self.0.source) {
            (What::Context(_), Some(Source::Ours(inner))) => Some(inner),
            _ => None,
        }
    }

    /// The group that it is, also under [context](Self::context).
    #[must_use]
    pub fn group(&self) -> Option<&ErrorGroup> {
        let mut error = self;
        while let Some(inner) = error.inner() {
            error = inner;
        }
        error.wrapped()?.downcast_ref()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.wrapped().and_then(StdError::source).or_else(|| self.given())
    }
}
