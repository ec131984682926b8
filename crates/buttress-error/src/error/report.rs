//! The report of an error, for people.

use std::fmt::{self, Display, Write};

use super::causes::Causes;
use super::once::said_once;
use super::render::{Verbatim, escaped, shown};
use super::{Error, MAX_LEVELS, MAX_MEMBERS};
use crate::contain;
use crate::group::ErrorGroup;
use crate::secret::{is_secret_value, redact};

/// All parts of an error, line by line, for a person at a terminal: [`Error::report`].
///
/// [Secrets](crate::redact) in the texts, and the values of [secret](crate::is_secret) attributes, are shown as `[redacted]`. A
/// `Display` that fails or panics leaves a mark in its line. A message that repeats its cause, as in `a: disk` above `disk`,
/// is shown without the repetition. The members of a group follow its message, numbered.
///
/// ```
/// use buttress_error::{Error, Kind};
///
/// let error = Error::new(Kind::Timeout, "gateway did not answer")
///     .caused_by(std::io::Error::other("connection reset"))
///     .note("while renewing subscription 42")
///     .hint("look at the status page of the gateway")
///     .attr("amount_cents", 4999)
///     .attr("card_token", "tok_1234")
///     .without_location();
/// assert_eq!(
///     error.report().to_string(),
///     "gateway did not answer
///   kind: timeout
///   caused by: connection reset
///   note: while renewing subscription 42
///   hint: look at the status page of the gateway
///   with: amount_cents = 4999
///   with: card_token = [redacted]"
/// );
/// ```
#[derive(Clone, Copy)]
pub struct ErrorReport<'a> {
    error: &'a Error,
    colour: bool,
}

impl Error {
    /// Returns all parts of the error, line by line.
    #[must_use]
    pub const fn report(&self) -> ErrorReport<'_> {
        ErrorReport { error: self, colour: false }
    }
}

impl ErrorReport<'_> {
    /// Adds colours, for a terminal. [`Exit`](crate::Exit) uses them if standard error is one.
    #[must_use]
    pub const fn coloured(mut self) -> Self {
        self.colour = true;
        self
    }
}

impl fmt::Debug for ErrorReport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

impl Display for ErrorReport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Page { out: f, colour: self.colour, left: &mut { MAX_MEMBERS } }.error(self.error, MAX_LEVELS)
    }
}

/// The output of a report. It is `dyn`, since each level writes into the one above.
struct Page<'a> {
    out: &'a mut dyn Write,
    colour: bool,
    /// The number of members of groups that may still be shown.
    left: &'a mut usize,
}

impl Page<'_> {
    fn error(&mut self, error: &Error, levels: usize) -> fmt::Result {
        let Causes { links, group } = Causes::of(error);
        let texts = said_once(&links);
        let (message, causes) = texts.split_first().expect("an error has a text");
        Page { out: &mut Indent(self.out), colour: self.colour, left: self.left }.painted("1;31", message)?;
        let class = error.class();
        match class.reason {
            Some(reason) => self.line("kind", format_args!("{} ({reason})", class.kind))?,
            None => self.line("kind", class.kind)?,
        }
        causes.iter().try_for_each(|cause| self.line("caused by", cause))?;
        if let Some(group) = group {
            self.group(group, levels)?;
        }
        if let Some(hidden) = error.hidden() {
            self.nested("behind a barrier", hidden, levels)?;
        }
        error.violations().iter().try_for_each(|violation| self.line("field", violation))?;
        error.notes().try_for_each(|note| self.line("note", note))?;
        error.hints().try_for_each(|hint| self.line("hint", hint))?;
        for (key, value) in error.attrs() {
            let value: &dyn Display = if is_secret_value(key, value) { &"[redacted]" } else { value };
            self.line("with", format_args!("{key} = {value}"))?;
        }
        if let Some(summary) = error.retry_summary() {
            let text =
                format_args!("{} in {:?}, stopped: {}", summary.attempts, summary.elapsed, summary.stopped);
            self.line("attempts", text)?;
        }
        if let Some(at) = error.location() {
            self.line("at", at)?;
        }
        if let Some(spans) = error.spans() {
            self.line("spans", format_args!("\n{}", contain::text(spans)))?;
        }
        match error.backtrace() {
            Some(backtrace) => self.line("backtrace", format_args!("\n{}", backtrace.to_string().trim_end())),
            None => Ok(()),
        }
    }

    fn group(&mut self, group: &ErrorGroup, levels: usize) -> fmt::Result {
        let mut shown = 0;
        for member in group.members() {
            let Some(fewer) = self.left.checked_sub(1) else { break };
            *self.left = fewer;
            shown += 1;
            self.nested(&shown.to_string(), member, levels)?;
        }
        match group.members().len() - shown {
            0 => Ok(()),
            more => self.line("more", more),
        }
    }

    /// An error in the report of another.
    fn nested(&mut self, label: &str, error: &Error, levels: usize) -> fmt::Result {
        if levels == 0 {
            return self.line(label, contain::text(Verbatim(error)));
        }
        self.label(label)?;
        Page { out: &mut Indent(self.out), colour: self.colour, left: self.left }.error(error, levels - 1)
    }

    fn line(&mut self, label: &str, text: impl Display) -> fmt::Result {
        self.label(label)?;
        Escaped(&mut Indent(self.out)).write_str(&redact(&shown(&text)))
    }

    fn label(&mut self, label: &str) -> fmt::Result {
        self.out.write_str("\n  ")?;
        self.painted("2", format_args!("{label}:"))?;
        self.out.write_char(' ')
    }

    fn painted(&mut self, code: &str, text: impl Display) -> fmt::Result {
        // Secrets are found in the finished text, since a `Display` writes it in pieces.
        let text = shown(&text);
        let text = redact(&text);
        if !self.colour {
            return Escaped(self.out).write_str(&text);
        }
        write!(self.out, "\x1b[{code}m")?;
        Escaped(self.out).write_str(&text)?;
        self.out.write_str("\x1b[0m")
    }
}

/// Escapes control characters, which a terminal would execute: the text may come from anywhere.
struct Escaped<'a>(&'a mut dyn Write);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        escaped(self.0, text, |c| c.is_control() && c != '\n' && c != '\t')
    }
}

/// Indents every line except the first by four spaces.
struct Indent<'a>(&'a mut dyn Write);

impl Write for Indent<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for (place, line) in text.split('\n').enumerate() {
            if place > 0 {
                self.0.write_str("\n    ")?;
            }
            self.0.write_str(line)?;
        }
        Ok(())
    }
}
