//! `Chain`: rules for error types in a box.

use std::error::Error as StdError;
use std::fmt;
use std::iter;
use std::panic::Location;
use std::sync::Arc;

use super::{exhausted_by, first_ours, into_box, itself, links, seen};
use crate::BoxError;
use crate::class::Class;
use crate::classifier::{ByKind, Classifier};
use crate::classify::Classify;
use crate::error::Error;
use crate::kind::Kind;
use crate::retry_summary::RetrySummary;
use crate::verdict::Verdict;

type Link = dyn StdError + 'static;
type Find = Arc<dyn Fn(&Link) -> Finding + Send + Sync>;
type Refine = Arc<dyn Fn(&Link, Class) -> Class + Send + Sync>;
type PassOn = Arc<dyn Fn(&Link) -> Option<&Error> + Send + Sync>;
type Stamp = Arc<dyn Fn(&mut BoxError, &RetrySummary) + Send + Sync>;

/// A classifier for errors of any type: rules of your own, then those of [`classify`](crate::classify).
///
/// A box hides the type in it, so an error type of your own in a [`BoxError`] is [`Kind::Unknown`] to every layer. Add its
/// type here, and pass the chain to all layers (`.classifier(rules.clone())`), or to the
/// [translate layer](crate::TranslateLayer::rules) below them.
///
/// * **Order**: the error and its causes are visited outermost first, at most 64. At each link the rules are called in the
///   order in which they were added; the first match decides.
/// * **Priority**: a rule anywhere in the chain goes before anything built in, with one exception: an [`Error`], a
///   [`Rejection`](crate::Rejection) or a [`ConfigError`](crate::ConfigError) has its class already and ends the search,
///   except for an `Error` of kind unknown.
/// * **Veto**: a rule that returns [`Finding::Skip`] skips the later rules and the built-in ones for that link.
/// * **Refinement**: at the end, [`refine`](Self::refine) may change the class that was found.
///
/// ```
/// use std::time::Duration;
/// use buttress_error::{BoxError, Class, Classify, Kind, chain};
///
/// #[derive(Debug, thiserror::Error)]
/// #[error("card declined")]
/// struct CardDeclined;
///
/// impl Classify for CardDeclined {
///     fn class(&self) -> Class {
///         Class::new(Kind::FailedPrecondition).reason("CARD_DECLINED")
///     }
/// }
///
/// let rules = chain()
///     .knows::<CardDeclined>()
///     .kind_of::<std::num::ParseIntError>(Kind::BadResponse)
///     .rule(|error: &std::io::Error| match error.raw_os_error() {
///         Some(11) => Some(Class::new(Kind::Throttled)),
///         _ => None, // the next rule, and in the end the table
///     })
///     .refine(|_: &std::io::Error, class| class.retry_after(Duration::from_secs(1)));
///
/// let error: BoxError = CardDeclined.into();
/// assert_eq!(rules.classify(&*error).reason, Some("CARD_DECLINED"));
/// ```
///
/// A clone costs one increment of a reference count.
#[derive(Clone, Default)]
pub struct Chain {
    rules: Arc<Rules>,
}

#[derive(Clone, Default)]
struct Rules {
    find: Vec<(Origin, Find)>,
    refine: Vec<Refine>,
    pass_on: Vec<PassOn>,
    stamp: Vec<Stamp>,
}

/// The origin of a class: the program's own types, or the tables and rules for foreign types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Own,
    Foreign,
}

/// Creates a [`Chain`] without rules.
#[must_use]
pub fn chain() -> Chain {
    Chain::default()
}

/// The result of a rule for one error.
///
/// A rule without a veto may return a [`Class`] or a [`Kind`], or an `Option` of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "the three cases are complete")]
pub enum Finding {
    /// The rule does not apply: try the next one.
    Pass,
    /// The error is of this class. With kind [unknown](Kind::Unknown) the search ends, and skips its causes, too.
    Is(Class),
    /// Skip the later rules and the tables for this error, and continue with its cause.
    Skip,
}

impl From<Class> for Finding {
    fn from(class: Class) -> Self {
        Self::Is(class)
    }
}

impl From<Kind> for Finding {
    fn from(kind: Kind) -> Self {
        Self::Is(kind.into())
    }
}

impl<C: Into<Class>> From<Option<C>> for Finding {
    fn from(class: Option<C>) -> Self {
        class.map_or(Self::Pass, |class| Self::Is(class.into()))
    }
}

impl Chain {
    /// Adds a type that implements [`Classify`], anywhere in the chain. A retry layer records its attempts on a `T` in a box
    /// ([`Classify::note_retry_summary`]).
    #[must_use]
    pub fn knows<T: Classify + StdError + Send + Sync + 'static>(self) -> Self {
        self.edit(|rules| {
            rules.find.push((Origin::Own, Arc::new(|link| seen::<T>(link).map(Classify::class).into())));
            rules.pass_on.push(Arc::new(|link| seen::<T>(link).and_then(Classify::passes_on)));
            rules.stamp.push(Arc::new(|error, summary| {
                if let Some(error) = error.downcast_mut::<T>() {
                    Classify::note_retry_summary(error, summary);
                } else if let Some(error) = error.downcast_mut::<Box<T>>() {
                    Classify::note_retry_summary(error, summary);
                } else if let Some(error) = error.downcast_mut::<Arc<T>>() {
                    Classify::note_retry_summary(error, summary);
                }
            }));
        })
    }

    /// Adds a type whose values are all of this class.
    #[must_use]
    pub fn kind_of<T: StdError + 'static>(self, class: impl Into<Class>) -> Self {
        let class = class.into();
        self.rule(move |_: &T| class)
    }

    /// Adds a function that is called with every `T`. It returns a [`Finding`], a [`Class`], a [`Kind`], or an `Option` of one
    /// of the last two. Annotate the type of its argument.
    #[must_use]
    pub fn rule<T, F, A>(self, rule: F) -> Self
    where
        T: StdError + 'static,
        F: Fn(&T) -> A + Send + Sync + 'static,
        A: Into<Finding>,
    {
        let find: Find = Arc::new(move |link| seen(link).map_or(Finding::Pass, |error| rule(error).into()));
        self.edit(|rules| rules.find.push((Origin::Foreign, find)))
    }

    /// Adds a function that may change the class that was found, if there is a `T` in the chain. It is called with the
    /// outermost one. Refinements run in the order in which they were added.
    #[must_use]
    pub fn refine<T, F>(self, change: F) -> Self
    where
        T: StdError + 'static,
        F: Fn(&T, Class) -> Class + Send + Sync + 'static,
    {
        let refine: Refine = Arc::new(move |error, class| {
            let found = walk(error).find_map(seen);
            found.map_or(class, |error| change(error, class))
        });
        self.edit(|rules| rules.refine.push(refine))
    }

    /// Adds all rules of another chain after its own.
    #[must_use]
    pub fn then(self, other: &Self) -> Self {
        self.edit(|rules| {
            rules.find.extend_from_slice(&other.rules.find);
            rules.refine.extend_from_slice(&other.rules.refine);
            rules.pass_on.extend_from_slice(&other.rules.pass_on);
            rules.stamp.extend_from_slice(&other.rules.stamp);
        })
    }

    fn edit(mut self, change: impl FnOnce(&mut Rules)) -> Self {
        change(Arc::make_mut(&mut self.rules));
        self
    }

    /// Returns the class of an error of any type: [`Kind::Unknown`] if no rule applies.
    #[must_use]
    pub fn classify(&self, error: &(dyn StdError + 'static)) -> Class {
        self.search(error).0
    }

    fn search(&self, error: &Link) -> (Class, Origin) {
        let (class, origin) = self.find(error);
        let class = exhausted_by(class, first_ours(error));
        let class = self.rules.refine.iter().fold(class, |class, refine| refine(error, class));
        (class, origin)
    }

    fn find(&self, error: &Link) -> (Class, Origin) {
        // If no rule applies: the built-in class, else the other axes of an `Error` of kind unknown.
        let (mut table, mut unknown) = (None, None);
        // An `Error` has the message of the error that it wraps. No other cause makes the message above it public.
        let wraps = error.downcast_ref::<Error>().is_some_and(Error::is_transparent);
        for (depth, link) in walk(error).enumerate() {
            let shows_it = depth == 0 || depth == 1 && wraps;
            match self.ask(link) {
                Some((Finding::Is(class), origin)) => return (class.public_if(shows_it), origin),
                Some((Finding::Skip, _)) => continue,
                Some((Finding::Pass, _)) | None => {}
            }
            match super::own(link) {
                Some(class) if class.kind == Kind::Unknown => unknown = unknown.or(Some(class)),
                Some(class) => return (class.public_if(shows_it), Origin::Own),
                // Below an `Error` the tables were searched when it was created.
                None if unknown.is_none() => table = table.or_else(|| super::known(link)),
                None => {}
            }
        }
        let origin = if table.is_none() && unknown.is_some() { Origin::Own } else { Origin::Foreign };
        (table.or(unknown).unwrap_or(Class::new(Kind::Unknown)), origin)
    }

    /// Returns the result of the first rule that applies to this link.
    fn ask(&self, link: &Link) -> Option<(Finding, Origin)> {
        let mut answers = self.rules.find.iter().map(|(origin, find)| (find(link), *origin));
        answers.find(|(finding, _)| *finding != Finding::Pass)
    }

    /// Converts any error into an [`Error`] of the class that the rules find. An `Error` stays the same value, and is
    /// [reclassified](Error::reclassify) if a rule applies.
    #[must_use]
    #[track_caller]
    pub fn translate(&self, error: impl Into<BoxError> + 'static) -> Error {
        self.translated(into_box(error), Some(Location::caller())).0
    }

    /// `location` is for an error that has none of its own.
    pub(crate) fn translated(
        &self,
        error: BoxError,
        location: Option<&'static Location<'static>>,
    ) -> (Error, Origin) {
        let (class, origin) = self.search(&*error);
        let error = match itself(&*error).cloned() {
            Some(same) if *same.class() == class => same,
            Some(same) => same.reclassify(class),
            None => {
                let passed_on = self.rules.pass_on.iter().find_map(|pass_on| pass_on(&*error));
                let details = passed_on.and_then(Error::details);
                Error::boxed(class, error, location, origin == Origin::Own).with_details(details)
            }
        };
        (error, origin)
    }
}

/// Iterates over the links of the chain, and at each [`Error`] over those of the error that it wraps, which its `source()` hides.
fn walk(error: &Link) -> impl Iterator<Item = &Link> {
    links(error).flat_map(|link| {
        let wrapped = link.downcast_ref::<Error>().and_then(Error::wrapped);
        iter::once(link).chain(wrapped.into_iter().flat_map(links))
    })
}

impl<Res> Classifier<Res, BoxError> for Chain {
    fn judge(&self, outcome: &Result<Res, BoxError>) -> Verdict {
        outcome.as_ref().map_or_else(|error| Verdict::of(self.classify(&**error)), |_| Verdict::success())
    }

    fn stamp(&self, outcome: &mut Result<Res, BoxError>, summary: &RetrySummary) {
        ByKind.stamp(outcome, summary);
        if let Err(error) = outcome {
            self.rules.stamp.iter().for_each(|stamp| stamp(error, summary));
        }
    }

    fn keep(&self, outcome: &Result<Res, BoxError>) -> Option<Error> {
        ByKind.keep(outcome)
    }
}

impl<Res> Classifier<Res, Error> for Chain {
    fn judge(&self, outcome: &Result<Res, Error>) -> Verdict {
        outcome.as_ref().map_or_else(|error| Verdict::of(self.classify(error)), |_| Verdict::success())
    }

    fn stamp(&self, outcome: &mut Result<Res, Error>, summary: &RetrySummary) {
        ByKind.stamp(outcome, summary);
    }

    fn keep(&self, outcome: &Result<Res, Error>) -> Option<Error> {
        ByKind.keep(outcome)
    }
}

/// Shows the number of rules.
impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chain")
            .field("rules", &self.rules.find.len())
            .field("refinements", &self.rules.refine.len())
            .finish()
    }
}
