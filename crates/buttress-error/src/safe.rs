//! `Safe`: only what is public.

use std::borrow::Cow;
use std::fmt;

use crate::{Class, Error, Kind, Violation};

/// What of an [`Error`] may leave this program: [`Error::safe`].
///
/// Its kind as [`Class::at_edge`] says, its reason, its [public](Error::public) message, hints and field violations.
/// Never its own message, domain, notes, attributes, causes, place or trace. What a dependency blames on its caller
/// has nothing for our own caller: all that is left is [`Kind::Internal`].
///
/// `Display` is the public message, else the words of the kind.
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

    /// The class as which it leaves.
    #[must_use]
    pub const fn class(&self) -> &Class {
        &self.class
    }

    /// The kind as which it leaves.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.class.kind
    }

    /// The reason.
    #[must_use]
    pub const fn reason(&self) -> Option<&'static str> {
        self.class.reason
    }

    /// The public message; none where there are only the words of the kind.
    #[must_use]
    pub fn message(&self) -> Option<Cow<'a, str>> {
        if self.foreign { None } else { self.error.public_message() }
    }

    /// The hints, oldest first.
    pub fn hints(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let error = (!self.foreign).then_some(self.error);
        error.into_iter().flat_map(Error::hints)
    }

    /// The fields of the request that are wrong.
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
