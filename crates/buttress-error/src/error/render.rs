//! One line for logs.

use std::error::Error as StdError;
use std::fmt::{self, Write};

use super::links::First;
use super::once::said_once;
use super::what::Io;
use super::{Error, Inner, MAX_LEVELS, MAX_MEMBERS, What};
use crate::ErrorGroup;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() {
            return line(self, f, &mut { MAX_MEMBERS }, MAX_LEVELS);
        }
        match self.0.outermost() {
            Some(context) => Line(f).write_str(context),
            None => self.inner().fmt(f),
        }
    }
}

impl fmt::Display for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(&mut Line(f))
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Inner {
    /// Its origin and its message. Step by step through what only carries the next, as in `source()`.
    fn write(&self, out: &mut dyn Write) -> fmt::Result {
        let mut inner = self;
        loop {
            if let Some(domain) = inner.domain() {
                out.write_str(domain)?;
                out.write_str(": ")?;
            }
            let Some(error) = inner.what.carried() else { return inner.what.write(out) };
            if let Some(context) = error.0.outermost() {
                return out.write_str(context);
            }
            inner = error.inner();
        }
    }

    /// The origin that it names.
    fn domain(&self) -> Option<&str> {
        let said = self.extra.as_deref().and_then(|extra| extra.domain.as_deref());
        match self.what {
            // What it is about names the origin itself.
            What::Context(_) => said,
            _ => said.or(self.class.domain),
        }
    }
}

/// What one link of a chain says, as it was said. An [`Error`] is kept on one line by its `Display`, which escapes what
/// would break that: this is for those who escape by themselves, such as a writer of JSON.
///
/// ```
/// use buttress_error::{Error, Kind, verbatim};
///
/// let error = Error::new(Kind::InvalidArgument, "line 1\nline 2");
/// assert_eq!(error.to_string(), "line 1\\nline 2");
/// assert_eq!(verbatim(&error).to_string(), "line 1\nline 2");
/// ```
pub fn verbatim<'e>(error: &'e (dyn StdError + 'static)) -> impl fmt::Display + use<'e> {
    Raw(error)
}

/// A link of a chain in its own words, however many lines they are.
pub(crate) struct Raw<'a>(pub(crate) &'a (dyn StdError + 'static));

impl fmt::Display for Raw<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f)
    }
}

impl Raw<'_> {
    fn write(&self, out: &mut dyn Write) -> fmt::Result {
        if let Some(error) = self.0.downcast_ref::<Error>() {
            match error.0.outermost() {
                Some(context) => out.write_str(context),
                None => error.inner().write(out),
            }
        } else if let Some(context) = self.0.downcast_ref::<First>() {
            out.write_str(context.message())
        } else if let Some(inner) = self.0.downcast_ref::<Inner>() {
            inner.write(out)
        } else {
            write!(out, "{}", self.0)
        }
    }
}

/// The [report](Error::report) without colour.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.report().fmt(f)
    }
}

/// `: [a: its cause; b]`
pub(crate) fn members_on_a_line(group: &ErrorGroup, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    members(group, f, &mut { MAX_MEMBERS }, MAX_LEVELS)
}

/// An error with its causes, or its members: of members `left` in all, on so many levels.
fn line(error: &Error, out: &mut dyn Write, left: &mut usize, levels: usize) -> fmt::Result {
    let Some(group) = error.group() else {
        if error.source().is_none() {
            return write!(out, "{error}");
        }
        for (place, text) in said_once(error).iter().enumerate() {
            out.write_str(if place == 0 { "" } else { ": " })?;
            Line(out).write_str(text)?;
        }
        return Ok(());
    };
    write!(out, "{error}")?;
    error.chain().take(error.contexts()).try_for_each(|context| write!(out, ": {context}"))?;
    members(group, out, left, levels)
}

fn members(group: &ErrorGroup, out: &mut dyn Write, left: &mut usize, levels: usize) -> fmt::Result {
    let Some(levels) = levels.checked_sub(1) else { return Ok(()) };
    out.write_str(": [")?;
    let mut shown = 0;
    for member in group.members() {
        let Some(fewer) = left.checked_sub(1) else { break };
        *left = fewer;
        out.write_str(if shown == 0 { "" } else { "; " })?;
        line(member, out, left, levels)?;
        shown += 1;
    }
    match group.members().len() - shown {
        0 => out.write_str("]"),
        more => write!(out, "{}{more} more]", if shown == 0 { "" } else { "; " }),
    }
}

/// Its text. A `Display` that fails leaves what it has written.
pub(crate) fn shown(text: &impl fmt::Display) -> String {
    let mut shown = String::new();
    let _ = write!(shown, "{text}");
    shown
}

/// What it says by itself, without domain and causes.
impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f)
    }
}

impl What {
    fn write(&self, out: &mut dyn Write) -> fmt::Result {
        match self {
            Self::Text(text) | Self::Context(text) => out.write_str(text),
            Self::Value(value) => write!(out, "{value}"),
            Self::Rejection(rejection) => write!(out, "{rejection}"),
            Self::Io(Io(error)) => write!(out, "{error}"),
        }
    }
}

/// Keeps on one line what is written to it: what would break the line, or command a terminal, is escaped.
pub(crate) struct Line<'a>(pub(crate) &'a mut dyn Write);

impl Write for Line<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        escaped(self.0, text, |c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'))
    }
}

/// Writes `text`, with those characters that `told` names as they are written in Rust.
pub(super) fn escaped(out: &mut dyn Write, text: &str, told: fn(char) -> bool) -> fmt::Result {
    // Every byte, without an early end: so the compiler takes many at a time.
    if text.bytes().fold(true, |plain, byte| plain & matches!(byte, b' '..=b'~')) {
        return out.write_str(text);
    }
    for part in text.split_inclusive(told) {
        let plain = part.trim_end_matches(told);
        out.write_str(plain)?;
        write!(out, "{}", part[plain.len()..].escape_default())?;
    }
    Ok(())
}
