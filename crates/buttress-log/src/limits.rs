//! `Limits`: how long a field and a line may be.

use std::fmt;
use std::ops::RangeInclusive;

use crate::encode::error;

/// The size limits of a line, in encoded bytes.
///
/// A text that is too long ends with the mark `…[n bytes cut]`, where n counts the missing bytes of the text. Fields that do
/// not fit into a line are dropped, outer ones first, and `dropped_fields` says how many.
///
/// ```
/// use buttress_log::Limits;
///
/// let limits = Limits::new(1_024, 16 * 1_024)?;
/// assert!(Limits::new(1_024, 2_048).is_err());
/// # Ok::<_, buttress_log::LimitsError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    field: usize,
    line: usize,
}

/// What a line needs besides its fields, its message and its error, in bytes: timestamp, level, target, ids and marks.
const FIXED: usize = 2_048;

const MAX_LINE: usize = 64 << 20;

impl Limits {
    /// The accepted range of the field limit, in bytes: 64 bytes to 16 MiB.
    pub const FIELD: RangeInclusive<usize> = 64..=16 << 20;

    /// Creates limits of `field` bytes for the text of a field, for a message, and for all texts of an error together; and of
    /// `line` bytes for a line.
    ///
    /// # Errors
    /// [`LimitsError`] if `field` is not within [`FIELD`](Self::FIELD), or `line` is not between two fields plus 8 KiB (so
    /// that a message and an error always fit) and 64 MiB.
    pub fn new(field: usize, line: usize) -> Result<Self, LimitsError> {
        if !Self::FIELD.contains(&field) {
            return Err(LimitsError { limit: "field", bytes: field, range: Self::FIELD });
        }
        let range = 2 * field + 8_192..=MAX_LINE;
        if !range.contains(&line) {
            return Err(LimitsError { limit: "line", bytes: line, range });
        }
        Ok(Self { field, line })
    }

    /// The limit of a field, in bytes. Default: 8 KiB.
    #[must_use]
    pub const fn field(&self) -> usize {
        self.field
    }

    /// The limit of a line, in bytes. Default: 64 KiB.
    #[must_use]
    pub const fn line(&self) -> usize {
        self.line
    }

    /// The limit of all fields of an event together, or of a span, in bytes.
    pub(crate) const fn fields(&self) -> usize {
        self.line - 2 * self.field - error::OVERHEAD - FIXED
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { field: 8 << 10, line: 64 << 10 }
    }
}

/// A limit is outside its accepted range.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitsError {
    limit: &'static str,
    bytes: usize,
    range: RangeInclusive<usize>,
}

impl fmt::Display for LimitsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limit, bytes, range } = self;
        let (least, most) = (range.start(), range.end());
        write!(f, "{limit} limit is {bytes} bytes, must be between {least} and {most} bytes")
    }
}

impl std::error::Error for LimitsError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        assert!(Limits::new(8 << 10, 64 << 10).is_ok());
        assert!(Limits::new(64, 2 * 64 + 8_192).is_ok());
        assert_eq!(
            Limits::new(64, 2 * 64 + 8_191).unwrap_err().to_string(),
            "line limit is 8319 bytes, must be between 8320 and 67108864 bytes"
        );
        assert_eq!(
            Limits::new(63, 1 << 20).unwrap_err().to_string(),
            "field limit is 63 bytes, must be between 64 and 16777216 bytes"
        );
        assert!(Limits::new((16 << 20) + 1, 64 << 20).is_err());
        assert!(Limits::new(64, (64 << 20) + 1).is_err());
        assert_eq!(Limits::new(8 << 10, 64 << 10).unwrap(), Limits::default());
    }
}
