//! `Violation`: one field of a request that is wrong.

use std::borrow::Cow;
use std::fmt;

/// One field of a request that is wrong: which, why in one word, and why for people.
///
/// Clients see all of it: it never holds the value that was sent. The shape is that of
/// [`google.rpc.BadRequest`](https://github.com/googleapis/googleapis/blob/master/google/rpc/error_details.proto).
///
/// ```
/// use buttress_error::Violation;
///
/// let violation = Violation::new("items[2].amount", "must be positive").reason("NOT_POSITIVE");
/// assert_eq!(violation.to_string(), "items[2].amount: must be positive");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Violation {
    /// The path of the field, such as `items[2].amount`.
    pub field: Cow<'static, str>,
    /// Why, in the application's own vocabulary (`UPPER_SNAKE`, at most 63 characters). Default: none.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub reason: Option<Cow<'static, str>>,
    /// What is wrong, in words for people.
    pub description: Cow<'static, str>,
}

impl Violation {
    /// `field` is wrong: `description`.
    #[must_use]
    pub fn new(field: impl Into<Cow<'static, str>>, description: impl Into<Cow<'static, str>>) -> Self {
        Self { field: field.into(), reason: None, description: description.into() }
    }

    /// Gives the reason: `UPPER_SNAKE`, at most 63 characters.
    #[must_use]
    pub fn reason(mut self, reason: impl Into<Cow<'static, str>>) -> Self {
        self.reason = Some(reason.into());
        self
    }
}

/// The field and what is wrong with it.
impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.description)
    }
}
