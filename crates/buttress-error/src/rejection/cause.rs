//! `Cause`: the last failure of the dependency before a rejection.

use crate::class::Class;
use crate::error::Error;
use crate::kind::Kind;

/// The last failure of the dependency before a rejection: its kind and reason, and the error itself if it could be kept.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Cause {
    /// The kind of the failure.
    pub kind: Kind,
    /// The reason of the failure.
    pub reason: Option<&'static str>,
    /// The error itself, if its type is [`Error`].
    pub error: Option<Error>,
}

impl Cause {
    /// Creates the cause for a failure of `class`, with the error itself if it could be kept.
    #[must_use]
    pub const fn new(class: &Class, error: Option<Error>) -> Self {
        Self { kind: class.kind, reason: class.reason, error }
    }
}
