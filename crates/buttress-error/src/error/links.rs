//! The links of a chain that are our own: what was said of an error, above the error itself.

use std::error::Error as StdError;
use std::fmt::{self, Write};

use super::render::Line;
use super::{Inner, Text};

/// What an [`Error`](super::Error) points to: the error, with room for two contexts. Most errors have no more, so theirs
/// cost nothing but the text; a third makes an error above this one.
///
/// By `source()` each is a link of its own: the second leads to the first, and that to the error.
#[derive(Clone)]
pub(super) struct Links {
    second: Option<Text>,
    first: First,
}

/// The first context where there is one, and the error that it is about.
#[derive(Clone)]
pub(super) struct First {
    context: Option<Text>,
    inner: Inner,
}

impl Links {
    #[inline]
    pub(super) const fn new(inner: Inner) -> Self {
        Self { second: None, first: First { context: None, inner } }
    }

    /// The error itself.
    #[inline]
    pub(super) const fn inner(&self) -> &Inner {
        &self.first.inner
    }

    #[inline]
    pub(super) const fn inner_mut(&mut self) -> &mut Inner {
        &mut self.first.inner
    }

    /// How many contexts there are: 0 to 2.
    #[inline]
    pub(super) const fn contexts(&self) -> u8 {
        self.first.context.is_some() as u8 + self.second.is_some() as u8
    }

    /// The context of this number, 1 or 2.
    pub(super) fn context(&self, number: u8) -> Option<&str> {
        match number {
            1 => self.first.context.as_deref(),
            2 => self.second.as_deref(),
            _ => None,
        }
    }

    /// The outermost one.
    #[inline]
    pub(super) fn outermost(&self) -> Option<&str> {
        self.second.as_deref().or(self.first.context.as_deref())
    }

    /// Puts a context above all others; gives it back where there is no room.
    #[inline]
    pub(super) fn push(&mut self, context: Text) -> Result<(), Text> {
        let room = match (&self.first.context, &self.second) {
            (None, _) => &mut self.first.context,
            (_, None) => &mut self.second,
            _ => return Err(context),
        };
        *room = Some(context);
        Ok(())
    }

    /// Takes the outermost context off.
    pub(super) fn pop(&mut self) -> Option<Text> {
        self.second.take().or_else(|| self.first.context.take())
    }

    /// The next link.
    pub(super) fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self.contexts() {
            0 => self.inner().source(),
            1 => Some(self.inner()),
            _ => Some(&self.first),
        }
    }
}

impl First {
    /// The context.
    pub(super) fn message(&self) -> &str {
        self.context.as_deref().unwrap_or_default()
    }
}

impl StdError for First {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.inner)
    }
}

impl fmt::Display for First {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Line(f).write_str(self.message())
    }
}

impl fmt::Debug for First {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
