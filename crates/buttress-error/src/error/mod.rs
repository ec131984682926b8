//! `Error`: an error with everything that layers, log lines and exit codes need, in one word.

mod build;
mod causes;
mod content;
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

use std::borrow::Cow;
use std::error::Error as StdError;
use std::iter;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use crate::class::Class;
use crate::foreign::carried;
use crate::group::ErrorGroup;
use crate::retry_summary::RetrySummary;
use crate::value::Value;
use crate::violation::Violation;
#[cfg(feature = "serde")]
pub(crate) use causes::Causes;
use links::Links;
use logged::Logged;
pub use render::verbatim;
pub(crate) use render::{Line, members_on_a_line};
#[cfg(feature = "serde")]
pub(crate) use render::{Verbatim, shown};
pub use report::ErrorReport;
pub(crate) use search::walk;
use trace::Trace;
// Without weak references a plain load shows that an error is not shared, and a drop takes one locked instruction instead
// of two: adding to an error costs no more than if errors had no `Clone`.
#[cfg(any(feature = "anyhow", feature = "eyre"))]
pub(crate) use content::taken;
use content::{Content, Source};
pub(crate) use content::{in_box, in_io};
use triomphe::Arc as Counted;

pub(crate) type Text = Cow<'static, str>;
type Place = Option<&'static Location<'static>>;

/// The maximum number of links of a chain: an error may be its own source.
pub(crate) const MAX_DEPTH: usize = 64;

/// More than the number of contexts.
const BELOW: u8 = u8::MAX;

/// The maximum number of members of groups in a line or a report, and of their levels.
const MAX_MEMBERS: usize = 64;
const MAX_LEVELS: usize = 8;

/// An error with a [`Kind`](crate::Kind), a message, causes, a location, notes, hints and attributes.
///
/// It has the size of a pointer and is cheap to clone. `?` converts every classified error into it, and keeps the message, the
/// `source()` chain, and the value itself for [`find`](Self::find). In a [`BoxError`](crate::BoxError) and back it stays the
/// same value.
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
/// Chains and trees of any depth are dropped on a small stack if their links are errors of this crate, or an `io::Error`
/// with one in it. The depth of other types is limited by their own drop.
///
/// The forms of an error:
///
/// | | for |
/// |---|---|
/// | `Display`: one line without the causes; `{:#}` adds the chain, still on one line | log lines |
/// | `Debug`, [`report`](Self::report): everything, line by line | people at a terminal |
/// | [`safe`](Self::safe): only what is public | clients |
/// | `serde::Serialize` (feature `serde`): everything | machines |
///
/// `Debug`, the report and the serialized form redact the values of [attributes](Self::attr) whose key is
/// [secret](crate::is_secret). `Display` escapes line breaks and control characters: a message of two lines is shown as
/// `one\ntwo`.
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
    content: Content,
    source: Option<Source>,
    location: Place,
    extra: Option<Box<Extra>>,
    logged: Logged,
    /// How many contexts there were when the class said that the message is public; [`BELOW`] where that was said of what
    /// this error is about.
    public_at: u8,
    /// An upper bound of the nesting depth below it: see [`drop`].
    depth: u32,
}

/// The parts that most errors don't have.
#[derive(Clone, Default)]
pub(crate) struct Extra {
    domain: Option<Arc<str>>,
    public: Option<Text>,
    notes: Vec<Text>,
    hints: Vec<Text>,
    attrs: Vec<(&'static str, Value)>,
    violations: Vec<Violation>,
    retry_summary: Option<RetrySummary>,
    hidden: Option<Error>,
    /// The group that the error of another type only passes on: its own `source()` passes over it.
    passed_on: Option<Error>,
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
        self.inner().content.value()
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
        match (&self.inner().content, &self.inner().source) {
            (Content::Context(_), Some(Source::Ours(about))) => Some(about),
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

    /// Returns the group that this error is: also under [context](Self::context), inside an `io::Error`, a `Box` or an
    /// `Arc`, and in a [transparent](crate::Classify::passes_on) variant. A group among the causes of another error is found by
    /// [`find::<ErrorGroup>()`](Self::find).
    #[must_use]
    pub fn group(&self) -> Option<&ErrorGroup> {
        let mut error = self;
        for _ in 0..MAX_DEPTH {
            if let Some(group) = error.passed_on_group() {
                error = group;
                continue;
            }
            let mut link = error.innermost_wrapped()?;
            error = loop {
                if let Some(group) = link.downcast_ref() {
                    return Some(group);
                }
                match link.downcast_ref() {
                    Some(error) => break error,
                    None => link = carried(link)?,
                }
            };
        }
        None
    }

    /// The group that the error of another type only passes on.
    fn passed_on_group(&self) -> Option<&Self> {
        self.extra()?.passed_on.as_ref()
    }
}

/// An error is never changed in place while it is shared, so a panic leaves none half changed.
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
            match inner.content.carried() {
                Some(error) if error.0.contexts() > 0 => return error.source(),
                Some(error) => inner = error.inner(),
                None => return inner.content.value().and_then(StdError::source).or(given),
            }
        }
    }
}
