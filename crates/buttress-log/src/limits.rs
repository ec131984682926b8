//! How long a field and a line may be.

use std::fmt;
use std::ops::RangeInclusive;

use crate::error;

/// The size limits of a line, in encoded bytes.
///
/// A text that is too long ends with the mark `…[n bytes cut]`, n counting the bytes of the text that are missing.
/// Fields that no longer fit into a record are left out, outer ones first, and `dropped_fields` says how many.
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
    record: usize,
}

/// What a line needs besides its message, its error and its fields: time stamp, level, target, ids and marks.
const FIXED: usize = 2_048;

impl Limits {
    /// The limit of a field, in bytes: the range that is accepted.
    pub const FIELD: RangeInclusive<usize> = 64..=16 << 20;

    /// At most `field` bytes for the text of a field (64 bytes to 16 MiB), of a message, and of all the texts of an
    /// error together; at most `record` bytes for a line.
    ///
    /// # Errors
    /// [`LimitsError`] if `field` is out of its range, or `record` is less than two fields and 8 KiB or more than
    /// 64 MiB: message and error always have their place.
    pub fn new(field: usize, record: usize) -> Result<Self, LimitsError> {
        if !Self::FIELD.contains(&field) {
            return Err(LimitsError { setting: "field limit", value: field, range: Self::FIELD });
        }
        let range = 2 * field + 8_192..=64 << 20;
        if !range.contains(&record) {
            return Err(LimitsError { setting: "record limit", value: record, range });
        }
        Ok(Self { field, record })
    }

    /// The limit of a field, in bytes. Default: 8 KiB.
    #[must_use]
    pub const fn field(&self) -> usize {
        self.field
    }

    /// The limit of a line, in bytes. Default: 64 KiB.
    #[must_use]
    pub const fn record(&self) -> usize {
        self.record
    }

    /// How long the fields of an event, or of a span, may be together.
    pub(crate) const fn fields(&self) -> usize {
        self.record - 2 * self.field - error::OVERHEAD - FIXED
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { field: 8 << 10, record: 64 << 10 }
    }
}

/// A limit is out of its range.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitsError {
    setting: &'static str,
    value: usize,
    range: RangeInclusive<usize>,
}

impl fmt::Display for LimitsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { setting, value, range } = self;
        write!(f, "{setting} of {value} bytes is outside {} to {} bytes", range.start(), range.end())
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
            "record limit of 8319 bytes is outside 8320 to 67108864 bytes"
        );
        assert_eq!(
            Limits::new(63, 1 << 20).unwrap_err().to_string(),
            "field limit of 63 bytes is outside 64 to 16777216 bytes"
        );
        assert!(Limits::new((16 << 20) + 1, 64 << 20).is_err());
        assert!(Limits::new(64, (64 << 20) + 1).is_err());
        assert_eq!(Limits::new(8 << 10, 64 << 10).unwrap(), Limits::default());
    }
}
