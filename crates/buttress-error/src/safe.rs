//! `Safe`: the public part of an error.

use std::borrow::Cow;
use std::fmt;

use crate::class::Class;
use crate::error::Error;
use crate::kind::Kind;
use crate::violation::Violation;

/// The part of an [`Error`] that clients may see: [`Error::safe`].
///
/// It has the kind of [`Class::at_edge`], the reason, the [public](Error::public) message, hints and field violations. It
/// never has the error's own message, domain, notes, attributes, causes, location or trace. An error that a dependency
/// blames on its caller is reduced to [`Kind::Internal`].
///
/// `Display` writes the public message, or the title of the kind if there is none.
///
/// ```
/// use buttress_error::{Error, Kind};
///
/// let error = Error::new(Kind::Unavailable, "connect to 10.0.0.7: refused").hint("try again in a minute");
/// assert_eq!(error.safe().to_string(), "unavailable");
/// assert_eq!(error.public("the shop is closed").safe().to_string(), "the shop is closed");
/// ```
#[derive(Clone, Copy)]
pub struct Safe<'a> {
    error: &'a Error,
    class: Class,
    foreign: bool,
}

impl<'a> Safe<'a> {
    pub(crate) fn new(error: &'a Error) -> Self {
        let class = error.class().at_edge();
        Self { error, class, foreign: error.class().dependency && class.kind != error.kind() }
    }

    /// Returns the class that clients see.
    #[must_use]
    pub const fn class(&self) -> &Class {
        &self.class
    }

    /// Returns the kind that clients see.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.class.kind
    }

    /// Returns the reason.
    #[must_use]
    pub const fn reason(&self) -> Option<&'static str> {
        self.class.reason
    }

    /// Returns the public message, if there is one.
    #[must_use]
    pub fn message(&self) -> Option<Cow<'a, str>> {
        if self.foreign { None } else { self.error.public_message() }
    }

    /// Iterates over the hints, oldest first.
    pub fn hints(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let error = (!self.foreign).then_some(self.error);
        error.into_iter().flat_map(Error::hints)
    }

    /// Returns the invalid fields of the request.
    #[must_use]
    pub fn violations(&self) -> &'a [Violation] {
        if self.foreign { &[] } else { self.error.violations() }
    }
}

impl fmt::Display for Safe<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.message() {
            Some(message) => f.write_str(&message),
            None => f.write_str(self.kind().title()),
        }
    }
}

impl fmt::Debug for Safe<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Safe")
            .field("kind", &self.kind())
            .field("reason", &self.reason())
            .field("message", &self.message())
            .field("hints", &self.hints().collect::<Vec<_>>())
            .field("violations", &self.violations())
            .finish()
    }
}
