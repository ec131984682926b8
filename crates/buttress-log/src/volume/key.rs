//! The value of the key field of an event: its hash, and its beginning for the summary.

use std::collections::hash_map::RandomState;
use std::fmt::{self, Write};
use std::hash::{BuildHasher, Hasher};
use std::str;

use tracing::Event;
use tracing::field::{Field, Visit};

/// The beginning of a value's text, at most 32 bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct KeyLabel {
    bytes: [u8; Self::MAX],
    len: u8,
    cut: bool,
}

impl KeyLabel {
    const MAX: usize = 32;

    fn push(&mut self, text: &str) {
        if self.cut {
            return;
        }
        let start = usize::from(self.len);
        let mut fits = text.len().min(Self::MAX - start);
        while !text.is_char_boundary(fits) {
            fits -= 1;
        }
        self.bytes[start..start + fits].copy_from_slice(&text.as_bytes()[..fits]);
        self.len += fits as u8;
        self.cut = fits < text.len();
    }

    pub(super) fn as_str(&self) -> &str {
        str::from_utf8(&self.bytes[..usize::from(self.len)]).unwrap_or_default()
    }
}

/// The hash and the label of a field's value. Both are empty if the event does not have the field.
pub(super) fn key_of(event: &Event<'_>, name: &str, random: &RandomState) -> (u64, KeyLabel) {
    let Some(field) = event.metadata().fields().field(name) else { return Default::default() };
    let mut visitor = KeyVisitor { field, hasher: random.build_hasher(), label: KeyLabel::default() };
    event.record(&mut visitor);
    if visitor.label.len == 0 && !visitor.label.cut {
        return Default::default();
    }
    (visitor.hasher.finish(), visitor.label)
}

struct KeyVisitor<H> {
    field: Field,
    hasher: H,
    label: KeyLabel,
}

impl<H: Hasher> Write for KeyVisitor<H> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.hasher.write(text.as_bytes());
        self.label.push(text);
        Ok(())
    }
}

impl<H: Hasher> Visit for KeyVisitor<H> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if *field == self.field {
            let _ = self.write_str(value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if *field == self.field {
            // A value that fails in the middle is as long as it came.
            let _ = write!(self, "{value:?}");
        }
    }
}
