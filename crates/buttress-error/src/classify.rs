//! The two traits: the one that error types implement and the one that layers read.

use std::convert::Infallible;
use std::sync::Arc;

use crate::{BoxError, Class, Effort, Error, foreign};

/// An error type that knows its [`Class`]. Implement it for your own errors; layers read [`Classified`].
///
/// By hand as here, or by the derive of the same name (feature `derive`), with an attribute on each variant.
///
/// ```
/// use buttress_error::{Class, Classify, Kind, Rejection};
///
/// #[derive(Debug, thiserror::Error)]
/// enum PaymentError {
///     #[error("card declined")]
///     CardDeclined,
///     #[error("gateway did not answer")]
///     GatewayTimeout(#[source] std::io::Error),
///     #[error(transparent)]
///     Refused(#[from] Rejection), // this one variant makes it fit under every layer
/// }
///
/// impl Classify for PaymentError {
///     fn class(&self) -> Class {
///         match self {
///             Self::CardDeclined => Class::new(Kind::FailedPrecondition).reason("CARD_DECLINED"),
///             Self::GatewayTimeout(_) => Class::new(Kind::Timeout),
///             Self::Refused(rejection) => rejection.class(),
///         }
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no error classification",
    note = "implement `buttress_error::Classify` for it, or say `.translate()` on the result, or put `TranslateLayer` below"
)]
pub trait Classify {
    /// What this error is.
    fn class(&self) -> Class;

    /// Takes what a retry layer did before it gave up. Default: forgets it.
    ///
    /// An error type that stores `effort.exhausted` and gives it back in its class stops outer retry layers.
    fn note_effort(&mut self, effort: &Effort) {
        let _ = effort;
    }
}

/// What layers read of an error: implemented for every [`Classify`] type, for [`Error`] and for [`BoxError`].
///
/// Not for users to implement; that is [`Classify`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no error classification",
    label = "a Buttress layer must know what kind of failure this is",
    note = "implement `buttress_error::Classify` for it, put `TranslateLayer` below the layer, or give the layer a classifier"
)]
pub trait Classified {
    #[doc(hidden)]
    fn classified(&self) -> Class;

    #[doc(hidden)]
    fn stamp(&mut self, effort: &Effort) {
        let _ = effort;
    }

    /// The error itself, where it can be kept without asking for `Clone`.
    #[doc(hidden)]
    fn keep(&self) -> Option<Error> {
        None
    }
}

impl<E: Classify> Classified for E {
    fn classified(&self) -> Class {
        self.class()
    }

    fn stamp(&mut self, effort: &Effort) {
        self.note_effort(effort);
    }
}

impl Classified for Error {
    fn classified(&self) -> Class {
        self.class_as_shown()
    }

    fn stamp(&mut self, effort: &Effort) {
        self.set_effort(effort);
    }

    fn keep(&self) -> Option<Error> {
        Some(self.clone())
    }
}

impl Classified for BoxError {
    fn classified(&self) -> Class {
        foreign::classify(&**self)
    }

    fn stamp(&mut self, effort: &Effort) {
        if let Some(error) = self.downcast_mut::<Error>() {
            error.set_effort(effort);
        }
    }

    fn keep(&self) -> Option<Error> {
        self.downcast_ref::<Error>().cloned()
    }
}

impl<E: Classify> Classify for Box<E> {
    fn class(&self) -> Class {
        (**self).class()
    }

    fn note_effort(&mut self, effort: &Effort) {
        (**self).note_effort(effort);
    }
}

impl<E: Classify + ?Sized> Classify for Arc<E> {
    fn class(&self) -> Class {
        (**self).class()
    }
}

impl Classify for Infallible {
    fn class(&self) -> Class {
        match *self {}
    }
}
