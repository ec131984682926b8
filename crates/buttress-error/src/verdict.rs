//! `Verdict`: what a classifier says of one outcome.

use crate::{BreakerEffect, Class, Delivery};

/// What a [`Classifier`](crate::Classifier) says of one outcome: success, failure or neutral, with its [`Class`].
///
/// A breaker counts it, a retry layer reads its class, a log line names its kind. A success may have a class too: a
/// 404 is an answer (the dependency works) and still an error of kind not found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    mark: Mark,
    class: Option<Class>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    Success,
    Failure,
    Neutral,
}

impl Verdict {
    /// The call did what it should.
    #[must_use]
    pub const fn success() -> Self {
        Self { mark: Mark::Success, class: None }
    }

    /// The dependency failed.
    #[must_use]
    pub fn failure(class: impl Into<Class>) -> Self {
        Self { mark: Mark::Failure, class: Some(class.into()) }
    }

    /// It says nothing about the dependency.
    #[must_use]
    pub fn neutral(class: impl Into<Class>) -> Self {
        Self { mark: Mark::Neutral, class: Some(class.into()) }
    }

    /// What the table says of an error of this class: a failure where it counts against the dependency, a success
    /// where the dependency answered all the same, else neutral.
    #[must_use]
    pub const fn of(class: Class) -> Self {
        let mark = match (class.breaker(), class.delivery) {
            (BreakerEffect::Failure | BreakerEffect::Throttle, _) => Mark::Failure,
            (BreakerEffect::No, Delivery::Processed) => Mark::Success,
            (BreakerEffect::No, _) => Mark::Neutral,
        };
        Self { mark, class: Some(class) }
    }

    /// Did the dependency do its work?
    #[must_use]
    pub const fn is_success(&self) -> bool {
        matches!(self.mark, Mark::Success)
    }

    /// Did the dependency fail? A throttle is a failure too; [`is_throttle`](Self::is_throttle) tells it apart.
    #[must_use]
    pub const fn is_failure(&self) -> bool {
        matches!(self.mark, Mark::Failure)
    }

    /// Does it say nothing about the dependency?
    #[must_use]
    pub const fn is_neutral(&self) -> bool {
        matches!(self.mark, Mark::Neutral)
    }

    /// Is it a failure in which the dependency only asked us to slow down?
    #[must_use]
    pub const fn is_throttle(&self) -> bool {
        self.is_failure()
            && match &self.class {
                Some(class) => matches!(class.breaker(), BreakerEffect::Throttle),
                None => false,
            }
    }

    /// The class of the error; none for a plain success.
    #[must_use]
    pub const fn class(&self) -> Option<&Class> {
        self.class.as_ref()
    }
}
