//! `Verdict`: the result of classifying one outcome.

use crate::axes::{BreakerEffect, Delivery};
use crate::class::Class;

/// The result of classifying one outcome: success, failure or neutral, with its [`Class`].
///
/// A breaker counts it, a retry layer reads its class, a log line names its kind. A success may have a class: a 404 is an
/// answer of a healthy dependency and an error of kind not found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    outcome: Outcome,
    class: Option<Class>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Success,
    Failure,
    Neutral,
}

impl Verdict {
    /// Creates the verdict of a call that succeeded.
    #[must_use]
    pub const fn success() -> Self {
        Self { outcome: Outcome::Success, class: None }
    }

    /// Creates the verdict of a call in which the dependency failed.
    #[must_use]
    pub fn failure(class: impl Into<Class>) -> Self {
        Self { outcome: Outcome::Failure, class: Some(class.into()) }
    }

    /// Creates the verdict of a call whose outcome does not depend on the dependency.
    #[must_use]
    pub fn neutral(class: impl Into<Class>) -> Self {
        Self { outcome: Outcome::Neutral, class: Some(class.into()) }
    }

    /// Creates the verdict of an error of this class: a failure if it counts against the dependency, else a success if the
    /// dependency answered, else neutral.
    #[must_use]
    pub const fn of(class: Class) -> Self {
        let outcome = match (class.breaker(), class.delivery) {
            (BreakerEffect::Failure | BreakerEffect::Throttle, _) => Outcome::Failure,
            (BreakerEffect::No, Delivery::Processed) => Outcome::Success,
            (BreakerEffect::No, _) => Outcome::Neutral,
        };
        Self { outcome, class: Some(class) }
    }

    /// Returns `true` if the dependency did its work.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        matches!(self.outcome, Outcome::Success)
    }

    /// Returns `true` if the dependency failed. A throttle is a failure, too: see [`is_throttle`](Self::is_throttle).
    #[must_use]
    pub const fn is_failure(&self) -> bool {
        matches!(self.outcome, Outcome::Failure)
    }

    /// Returns `true` if the outcome does not depend on the dependency.
    #[must_use]
    pub const fn is_neutral(&self) -> bool {
        matches!(self.outcome, Outcome::Neutral)
    }

    /// Returns `true` for a failure in which the dependency only asked its callers to slow down.
    #[must_use]
    pub const fn is_throttle(&self) -> bool {
        self.is_failure()
            && match &self.class {
                Some(class) => matches!(class.breaker(), BreakerEffect::Throttle),
                None => false,
            }
    }

    /// Returns the class of the error; none for a success without an error.
    #[must_use]
    pub const fn class(&self) -> Option<&Class> {
        self.class.as_ref()
    }
}
