//! `Violation`: an invalid field of a request.

use std::borrow::Cow;
use std::fmt;

/// An invalid field of a request: its path, a reason for programs, and a description for people.
///
/// Clients see all of it, so it never contains the value that was sent. The shape is that of
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
    /// The reason, in the application's own vocabulary (`UPPER_SNAKE`, at most 63 characters). Default: none.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub reason: Option<Cow<'static, str>>,
    /// A description for people.
    pub description: Cow<'static, str>,
}

impl Violation {
    /// Creates a violation of the rules for `field`.
    #[must_use]
    pub fn new(field: impl Into<Cow<'static, str>>, description: impl Into<Cow<'static, str>>) -> Self {
        Self { field: field.into(), reason: None, description: description.into() }
    }

    /// Sets the reason: `UPPER_SNAKE`, at most 63 characters.
    #[must_use]
    pub fn reason(mut self, reason: impl Into<Cow<'static, str>>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// Returns it without the secrets in its description.
    #[cfg(feature = "serde")]
    pub(crate) fn redacted(&self) -> Self {
        Self { description: crate::redact(&self.description).into_owned().into(), ..self.clone() }
    }
}

/// Writes the field and its description.
impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.description)
    }
}
