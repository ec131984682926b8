//! `NumberForms`: how numbers are written that some readers of JSON cannot read.

/// How numbers are written that some readers of JSON cannot read. They apply to the values of fields and
/// attributes, not within nested values.
///
/// ```
/// use buttress_log::{JsonLayer, NumberForms};
///
/// let forms = NumberForms::new().non_finite_as_null().large_integers_as_text();
/// let layer = JsonLayer::new(std::io::stderr).number_forms(forms);
/// # let _ = layer;
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NumberForms {
    pub(crate) non_finite_as_null: bool,
    pub(crate) large_integers_as_text: bool,
}

/// Beyond it, a `double` no longer has every integer.
const MAX_SAFE: u64 = 1 << 53;

impl NumberForms {
    /// Creates the default: NaN and the infinities are the strings `"NaN"`, `"Infinity"` and `"-Infinity"`, and all integers of
    /// 64 bits are numbers.
    #[must_use]
    pub const fn new() -> Self {
        Self { non_finite_as_null: false, large_integers_as_text: false }
    }

    /// Writes NaN and the infinities as `null`, for a store that would otherwise take the field for a text.
    #[must_use]
    pub const fn non_finite_as_null(mut self) -> Self {
        self.non_finite_as_null = true;
        self
    }

    /// Writes integers beyond ±2⁵³ as strings, for readers that have only `double`, such as JavaScript.
    #[must_use]
    pub const fn large_integers_as_text(mut self) -> Self {
        self.large_integers_as_text = true;
        self
    }

    /// Returns `true` if an integer of this magnitude is written as a string.
    pub(crate) const fn is_text(self, magnitude: u64) -> bool {
        self.large_integers_as_text && magnitude > MAX_SAFE
    }
}
