//! One line for logs.

use std::fmt::{self, Write};

use super::{Error, MAX_LEVELS, MAX_MEMBERS, What};
use crate::ErrorGroup;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let domain = match self.0.what {
            // What it is about names the origin itself.
            What::Context(_) => self.extra().and_then(|extra| extra.domain.as_deref()),
            _ => self.origin(),
        };
        if let Some(domain) = domain {
            write!(f, "{domain}: ")?;
        }
        Message(&self.0.what).fmt(f)?;
        if f.alternate() { causes(self, f, &mut { MAX_MEMBERS }, MAX_LEVELS) } else { Ok(()) }
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

/// The causes, or the members, of an error: of members `left` in all, on so many levels.
fn causes(error: &Error, out: &mut dyn Write, left: &mut usize, levels: usize) -> fmt::Result {
    let Some(group) = error.group() else {
        return error.chain().try_for_each(|cause| write!(out, ": {cause}"));
    };
    let mut error = error;
    while let Some(inner) = error.inner() {
        write!(out, ": {inner}")?;
        error = inner;
    }
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
        write!(out, "{member}")?;
        causes(member, out, left, levels)?;
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
pub(super) struct Message<'a>(pub(super) &'a What);

impl fmt::Display for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            What::Text(text) | What::Context(text) => f.write_str(text),
            What::Value(value) => write!(f, "{value}"),
            What::Rejection(rejection) => write!(f, "{rejection}"),
        }
    }
}
