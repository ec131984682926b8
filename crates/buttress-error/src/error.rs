//! `Error`: one word that holds everything a layer, a log line or an exit code asks for.

use std::any::Any;
use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::iter;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use crate::{BoxError, Class, Classify, Delivery, Effort, Kind, Rejection, Retry, foreign};

type Source = Arc<dyn StdError + Send + Sync>;
type Place = Option<&'static Location<'static>>;

/// How many links of a chain are followed at most: a guard against errors that are their own source.
pub(crate) const MAX_DEPTH: usize = 64;

/// An error of known [`Kind`], with what happened, why, where, and what was being done.
///
/// One word wide and cheap to clone. It takes every classified error by `?` and keeps it whole: its message, its
/// `source()` chain, and the value itself for [`find`](Self::find). In a [`BoxError`] and back it stays the same
/// value.
///
/// ```
/// use buttress_error::{Error, Kind, ResultExt};
///
/// fn read(path: &str) -> Result<String, Error> {
///     std::fs::read_to_string(path).note(format!("while reading {path}"))
/// }
///
/// let error = read("/no/such/file").unwrap_err();
/// assert_eq!(error.kind(), Kind::NotFound);
/// assert_eq!(error.notes().collect::<Vec<_>>(), ["while reading /no/such/file"]);
/// assert!(error.find::<std::io::Error>().is_some());
/// ```
///
/// `Display` is one line without the causes; `{:#}` adds the chain, still on one line.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    class: Class,
    what: What,
    source: Option<Source>,
    location: Place,
    extra: Option<Box<Extra>>,
}

#[derive(Clone)]
enum What {
    /// A message of our own.
    Text(Cow<'static, str>),
    /// An error of another type, whose message and chain are ours.
    Value(Source),
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
            Self::Text(_) => None,
            Self::Value(value) => Some(&**value),
            Self::Rejection(rejection) => Some(rejection),
        }
    }
}

/// What most errors don't have.
#[derive(Clone, Default)]
struct Extra {
    domain: Option<Arc<str>>,
    notes: Vec<Cow<'static, str>>,
    effort: Option<Effort>,
}

impl Error {
    /// An error of `class` (a [`Kind`] will do) that says `message`: a lowercase fragment without its cause.
    #[must_use]
    #[track_caller]
    pub fn new(class: impl Into<Class>, message: impl Into<Cow<'static, str>>) -> Self {
        Self::build(class.into(), What::Text(message.into()), Some(Location::caller()))
    }

    /// An error of `class` that is `error` in all but the class. An `Error` is [reclassified](Self::reclassify).
    #[must_use]
    #[track_caller]
    pub fn wrap(class: impl Into<Class>, error: impl Into<BoxError>) -> Self {
        match error.into().downcast::<Self>() {
            Ok(same) => same.reclassify(class),
            Err(other) => Self::build(class.into(), What::Value(other.into()), Some(Location::caller())),
        }
    }

    fn build(class: Class, what: What, location: Place) -> Self {
        Self(Arc::new(Inner { class, what, source: None, location, extra: None }))
    }

    fn unbox(error: BoxError, location: Place) -> Self {
        match error.downcast::<Self>() {
            Ok(same) => *same,
            Err(other) => Self::build(foreign::classify(&*other), What::Value(other.into()), location),
        }
    }

    fn edit(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    fn extra(&self) -> Option<&Extra> {
        self.0.extra.as_deref()
    }

    /// Gives it a cause. An error that wraps another keeps that one's own cause, where it has one.
    #[must_use]
    pub fn caused_by(self, cause: impl Into<BoxError>) -> Self {
        self.edit(|inner| inner.source = Some(cause.into().into()))
    }

    /// Adds a note: what the program was doing. The kind stays.
    #[must_use]
    pub fn note(self, note: impl Into<Cow<'static, str>>) -> Self {
        self.edit(|inner| inner.extra.get_or_insert_default().notes.push(note.into()))
    }

    /// Names the part of the system that it comes from; the outermost layer to say so wins. `Display` begins with it.
    #[must_use]
    pub fn domain(self, domain: impl Into<Arc<str>>) -> Self {
        self.edit(|inner| inner.extra.get_or_insert_default().domain = Some(domain.into()))
    }

    /// Gives the reason, in the application's own vocabulary: `UPPER_SNAKE`, at most 63 characters.
    #[must_use]
    pub fn reason(self, reason: &'static str) -> Self {
        self.edit(|inner| inner.class.reason = Some(reason))
    }

    /// Says how long the other side asked us to wait.
    #[must_use]
    pub fn retry_after(self, wait: Duration) -> Self {
        self.edit(|inner| inner.class.retry_after = Some(wait))
    }

    /// Says what is known about the arrival of the request.
    #[must_use]
    pub fn delivery(self, delivery: Delivery) -> Self {
        self.edit(|inner| inner.class.delivery = delivery)
    }

    /// Changes the class, and leaves a note that says so. An error that a retry layer has given up on stays given up,
    /// and it still comes from the same domain, unless the new class names one.
    #[must_use]
    pub fn reclassify(self, class: impl Into<Class>) -> Self {
        let mut class = class.into();
        class.exhausted |= self.0.class.exhausted;
        class.domain = class.domain.or(self.0.class.domain);
        let note = format!("reclassified from {} to {}", self.kind(), class.kind);
        self.edit(|inner| inner.class = class).note(note)
    }

    /// The kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.class.kind
    }

    /// The whole class. (No `Classify`: `Error` is what classified errors become.)
    #[must_use]
    pub fn class(&self) -> &Class {
        &self.0.class
    }

    /// The retry advice: [`Retry::Never`] once a retry layer has given up on it.
    #[must_use]
    pub fn advice(&self) -> Retry {
        if self.0.class.exhausted { Retry::Never } else { self.0.class.retry }
    }

    /// The part of the system that it comes from: what [`domain`](Self::domain) said, else its class.
    #[must_use]
    pub fn origin(&self) -> Option<&str> {
        self.extra().and_then(|extra| extra.domain.as_deref()).or(self.0.class.domain)
    }

    /// The notes, oldest first.
    pub fn notes(&self) -> impl ExactSizeIterator<Item = &str> {
        self.extra().map_or(&[][..], |extra| &extra.notes).iter().map(AsRef::as_ref)
    }

    /// Where it was made; none where a layer made it, whose own line would tell nothing.
    #[must_use]
    pub fn location(&self) -> Place {
        self.0.location
    }

    /// Forgets [where it was made](Self::location): for layers that make one, as their own line tells nothing.
    #[must_use]
    pub fn without_location(self) -> Self {
        self.edit(|inner| inner.location = None)
    }

    /// What a retry layer did before it gave up on it.
    #[must_use]
    pub fn effort(&self) -> Option<&Effort> {
        self.extra()?.effort.as_ref()
    }

    /// Translated by the layer `domain`, whose own line of code is no place to look at.
    pub(crate) fn translated(error: BoxError, domain: Arc<str>) -> Self {
        Self::unbox(error, None).domain(domain)
    }

    /// The retry layer that gave up on it owns it: one further out changes nothing.
    pub(crate) fn set_effort(&mut self, effort: &Effort) {
        if self.0.class.exhausted && self.effort().is_some() {
            return;
        }
        let inner = Arc::make_mut(&mut self.0);
        inner.class.exhausted |= effort.exhausted;
        inner.extra.get_or_insert_default().effort = Some(effort.clone());
    }

    /// The causes below it, nearest first, at most 64.
    pub fn chain(&self) -> impl Iterator<Item = &(dyn StdError + 'static)> {
        iter::successors(self.source(), |error| (*error).source()).take(MAX_DEPTH)
    }

    /// The first value of type `T` in it: the error that it wraps, or one of its causes.
    #[must_use]
    pub fn find<T: StdError + 'static>(&self) -> Option<&T> {
        self.wrapped().into_iter().chain(self.chain()).find_map(foreign::downcast)
    }

    /// The error of another type that it is.
    pub(crate) fn wrapped(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.what.value()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(domain) = self.origin() {
            write!(f, "{domain}: ")?;
        }
        match &self.0.what {
            What::Text(text) => f.write_str(text)?,
            What::Value(value) => write!(f, "{value}")?,
            What::Rejection(rejection) => write!(f, "{rejection}")?,
        }
        if f.alternate() {
            for cause in self.chain() {
                write!(f, ": {cause}")?;
            }
        }
        Ok(())
    }
}

/// A report for people: the message, the kind, the causes, the notes and the place, each on its line.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let class = self.class();
        write!(f, "{self}\n  kind: {}", class.kind)?;
        if let Some(reason) = class.reason {
            write!(f, " ({reason})")?;
        }
        for cause in self.chain() {
            write!(f, "\n  caused by: {cause}")?;
        }
        for note in self.notes() {
            write!(f, "\n  note: {note}")?;
        }
        if let Some(effort) = self.effort() {
            write!(
                f,
                "\n  attempts: {} in {:?}, stopped: {}",
                effort.attempts, effort.elapsed, effort.stopped
            )?;
        }
        self.location().map_or(Ok(()), |at| write!(f, "\n  at: {at}"))
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        let given = || self.0.source.as_deref().map(|cause| cause as _);
        self.wrapped().and_then(StdError::source).or_else(given)
    }
}

/// Keeps the class and the value; `?` records the caller's line.
impl<E: Classify + StdError + Send + Sync + 'static> From<E> for Error {
    #[track_caller]
    fn from(error: E) -> Self {
        Self::build(error.class(), What::of(error), Some(Location::caller()))
    }
}

/// An `Error` in the box comes out as the same value; anything else is classified by [`classify`](crate::classify).
impl From<BoxError> for Error {
    #[track_caller]
    fn from(error: BoxError) -> Self {
        Self::unbox(error, Some(Location::caller()))
    }
}
