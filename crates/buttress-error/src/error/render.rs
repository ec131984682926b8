//! The line of an error, for logs.

use std::error::Error as StdError;
use std::fmt::{self, Write};

use super::causes::Causes;
use super::content::Io;
use super::links::First;
use super::once::said_once;
use super::{Content, Error, Inner, MAX_LEVELS, MAX_MEMBERS};
use crate::group::ErrorGroup;

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
            let Some(error) = inner.content.carried() else { return inner.content.write(out) };
            if let Some(context) = error.0.outermost() {
                return out.write_str(context);
            }
            inner = error.inner();
        }
    }

    /// The origin that it names.
    fn domain(&self) -> Option<&str> {
        let said = self.extra.as_deref().and_then(|extra| extra.domain.as_deref());
        match self.content {
            // What it is about names the origin itself.
            Content::Context(_) => said,
            _ => said.or(self.class.domain),
        }
    }
}

/// Returns the unescaped message of one link of a chain. The `Display` of an [`Error`] escapes line breaks and control
/// characters to stay on one line; this is for callers that escape the message themselves, such as a writer of JSON.
///
/// ```
/// use buttress_error::{Error, Kind, verbatim};
///
/// let error = Error::new(Kind::InvalidArgument, "line 1\nline 2");
/// assert_eq!(error.to_string(), "line 1\\nline 2");
/// assert_eq!(verbatim(&error).to_string(), "line 1\nline 2");
/// ```
pub fn verbatim<'e>(error: &'e (dyn StdError + 'static)) -> impl fmt::Display + use<'e> {
    Verbatim(error)
}

/// The unescaped message of a link of a chain.
pub(crate) struct Verbatim<'a>(pub(crate) &'a (dyn StdError + 'static));

impl fmt::Display for Verbatim<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f)
    }
}

impl Verbatim<'_> {
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

/// Writes the [report](Error::report) without colours.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.report().fmt(f)
    }
}

/// `: [a: its cause; b]`
pub(crate) fn members_on_a_line(group: &ErrorGroup, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    members(group, f, &mut { MAX_MEMBERS }, MAX_LEVELS)
}

/// Writes an error with its causes, and the members of the first group: at most `left` members in all, on at most `levels`
/// levels.
fn line(error: &Error, out: &mut dyn Write, left: &mut usize, levels: usize) -> fmt::Result {
    let causes = Causes::of(error);
    if causes.links.len() == 1 {
        write!(out, "{error}")?;
    } else {
        for (place, text) in said_once(&causes.links).iter().enumerate() {
            out.write_str(if place == 0 { "" } else { ": " })?;
            Line(out).write_str(text)?;
        }
    }
    causes.group.map_or(Ok(()), |group| members(group, out, left, levels))
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

/// Returns the text. A `Display` that fails leaves what it has written.
pub(crate) fn shown(text: &impl fmt::Display) -> String {
    let mut shown = String::new();
    let _ = write!(shown, "{text}");
    shown
}

/// Writes the message, without domain and causes.
impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f)
    }
}

impl Content {
    fn write(&self, out: &mut dyn Write) -> fmt::Result {
        match self {
            Self::Text(text) | Self::Context(text) => out.write_str(text),
            Self::Value(value) => write!(out, "{value}"),
            Self::Rejection(rejection) => write!(out, "{rejection}"),
            Self::Io(Io(error)) => write!(out, "{error}"),
        }
    }
}

/// Keeps the text on one line: escapes line breaks and control characters.
pub(crate) struct Line<'a>(pub(crate) &'a mut dyn Write);

impl Write for Line<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        escaped(self.0, text, |c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'))
    }
}

/// Writes `text`, and escapes those characters for which `special` returns `true` as in Rust.
pub(super) fn escaped(out: &mut dyn Write, text: &str, special: fn(char) -> bool) -> fmt::Result {
    // Without an early return, so that the compiler vectorizes it.
    if text.bytes().fold(true, |plain, byte| plain & matches!(byte, b' '..=b'~')) {
        return out.write_str(text);
    }
    for part in text.split_inclusive(special) {
        let plain = part.trim_end_matches(special);
        out.write_str(plain)?;
        write!(out, "{}", part[plain.len()..].escape_default())?;
    }
    Ok(())
}
