//! `Error`: one word that holds everything a layer, a log line or an exit code asks for.

mod build;
mod convert;
mod details;
mod drop;
mod links;
mod logged;
mod once;
mod render;
mod report;
mod search;
mod trace;
mod what;

use std::borrow::Cow;
use std::error::Error as StdError;
use std::iter;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use crate::{Class, ErrorGroup, RetrySummary, Value, Violation};
use links::Links;
use logged::Logged;
pub use render::verbatim;
pub(crate) use render::{Line, members_on_a_line};
#[cfg(feature = "serde")]
pub(crate) use render::{Raw, shown};
pub use report::ErrorReport;
pub(crate) use search::walk;
use trace::Trace;
// Without weak references, whether nobody else holds an error is told by a load, not by a locked instruction, and to drop
// one takes one of those, not two: so adding to an error is as cheap as if it couldn't be cloned.
use triomphe::Arc as Counted;
#[cfg(any(feature = "anyhow", feature = "eyre"))]
pub(crate) use what::taken;
use what::{Source, What};
pub(crate) use what::{in_box, in_io};

pub(crate) type Text = Cow<'static, str>;
type Place = Option<&'static Location<'static>>;

/// How many links of a chain are followed at most: a guard against errors that are their own source.
pub(crate) const MAX_DEPTH: usize = 64;

/// More contexts than there can be.
const BELOW: u8 = u8::MAX;

/// How many members of groups a line or a report shows in all, and on how many levels.
const MAX_MEMBERS: usize = 64;
const MAX_LEVELS: usize = 8;

/// An error of known [`Kind`](crate::Kind), with what happened, why, where, and what was being done.
///
/// One word wide and cheap to clone. It takes every classified error by `?` and keeps it whole: its message, its
/// `source()` chain, and the value itself for [`find`](Self::find). In a [`BoxError`](crate::BoxError) and back it stays the same
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
/// Chains and trees of any depth are dropped on a small stack, as far as their links are errors of this crate, or an
/// `io::Error` with one in it. How deep those of other types may go is for their own drop to say.
///
/// Who reads what:
///
/// | | for |
/// |---|---|
/// | `Display`: one line without the causes; `{:#}` adds the chain, still on one line | log lines |
/// | `Debug`, [`report`](Self::report): everything, line by line | people at a terminal |
/// | [`safe`](Self::safe): only what is public | clients |
/// | `serde::Serialize` (feature `serde`): everything | machines |
///
/// `Debug`, the report and the serialised form leave out the values of [attributes](Self::attr) whose key is
/// [secret](crate::is_secret). What would break a line, or command a terminal, is escaped on the line of `Display`: a
/// message of two lines is shown as `one\ntwo` there.
#[derive(Clone)]
pub struct Error(Counted<Links>);

/// The error without its contexts, and as such the link that they lead to.
///
/// One that only adds a context has the error it is about as its source, and speaks for the whole: where there are more
/// contexts than [`Links`] has room for.
#[derive(Clone)]
struct Inner {
    /// That of the whole.
    class: Class,
    what: What,
    source: Option<Source>,
    location: Place,
    extra: Option<Box<Extra>>,
    logged: Logged,
    /// How many contexts there were when the class said that the message is public; [`BELOW`] where that was said of what
    /// this error is about.
    public_at: u8,
    /// At least as many as errors of ours lie below it, one in the other: see [`drop`].
    depth: u32,
}

/// What most errors don't have.
#[derive(Clone, Default)]
pub(crate) struct Extra {
    domain: Option<Arc<str>>,
    public: Option<Text>,
    notes: Vec<Text>,
    hints: Vec<Text>,
    attrs: Vec<(&'static str, Value)>,
    violations: Vec<Violation>,
    effort: Option<RetrySummary>,
    hidden: Option<Error>,
    trace: Option<Trace>,
}

impl Error {
    fn edit(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(Counted::make_mut(&mut self.0).inner_mut());
        self
    }

    fn edit_extra(self, change: impl FnOnce(&mut Extra)) -> Self {
        self.edit(|inner| change(inner.extra.get_or_insert_default()))
    }

    fn inner(&self) -> &Inner {
        self.0.inner()
    }

    fn extra(&self) -> Option<&Extra> {
        self.inner().extra.as_deref()
    }

    /// The error of another type that it is, below any context that it has room for.
    pub(crate) fn wrapped(&self) -> Option<&(dyn StdError + 'static)> {
        self.inner().what.value()
    }

    /// The error of another type below all context.
    pub(crate) fn innermost_wrapped(&self) -> Option<&(dyn StdError + 'static)> {
        self.layers().last()?.wrapped()
    }

    /// Is its message that of the error of another type?
    pub(crate) fn is_transparent(&self) -> bool {
        self.0.contexts() == 0 && self.wrapped().is_some()
    }

    /// The cause that it was given.
    fn given(&self) -> Option<&(dyn StdError + 'static)> {
        self.inner().source.as_ref().map(Source::get)
    }

    /// What it is about, where it is there for a context that there was no room for.
    fn about(&self) -> Option<&Self> {
        match (&self.inner().what, &self.inner().source) {
            (What::Context(_), Some(Source::Ours(about))) => Some(about),
            _ => None,
        }
    }

    /// It, and all that it is [about](Self::about), outermost first.
    fn layers(&self) -> impl Iterator<Item = &Self> {
        iter::successors(Some(self), |error| error.about())
    }

    /// How many links of the chain, itself among them, only add context.
    fn contexts(&self) -> usize {
        let contexts = |error: &Self| usize::from(error.0.contexts()) + usize::from(error.about().is_some());
        self.layers().map(contexts).sum()
    }

    /// The group that it is, also under [context](Self::context).
    #[must_use]
    pub fn group(&self) -> Option<&ErrorGroup> {
        self.innermost_wrapped()?.downcast_ref()
    }
}

/// Nothing in it is changed half: what is added to an error makes another.
impl UnwindSafe for Error {}
impl RefUnwindSafe for Error {}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()
    }
}

impl StdError for Inner {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        // Step by step through what only carries the next: no stack has to hold as many as there may be.
        let (mut inner, mut given) = (self, None);
        loop {
            given = inner.source.as_ref().map(Source::get).or(given);
            match inner.what.carried() {
                Some(error) if error.0.contexts() > 0 => return error.source(),
                Some(error) => inner = error.inner(),
                None => return inner.what.value().and_then(StdError::source).or(given),
            }
        }
    }
}
