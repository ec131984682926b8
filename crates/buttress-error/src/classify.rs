//! The two traits: the one that error types implement and the one that layers read.

use std::convert::Infallible;
use std::sync::Arc;

use crate::error::in_box;
use crate::{BoxError, Class, Error, RetrySummary, foreign};

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
    // Of all these words `?` shows the label only.
    label = "no error classification: call `.translate()` before `?`, derive `Classify` for a type of your own, or switch \
             on the feature of the crate it comes from",
    note = "call `.translate()` on the result before `?` (trait `ResultExt`), or put `TranslateLayer` below the layer",
    note = "an error type of your own: implement or derive `Classify` for it",
    note = "an error of another crate that Buttress knows: switch on the feature of its name (`reqwest`, `hyper`, `h2`, `tonic`, \
            `tower`, `redis`, `serde_json`, `anyhow`, `eyre`)"
)]
pub trait Classify {
    /// What this error is.
    fn class(&self) -> Class;

    /// Takes what a retry layer did before it gave up. Default: forgets it.
    ///
    /// An error type that stores its class and replaces it by [`effort.class(…)`](RetrySummary::class) stops outer retry layers,
    /// and says so where an earlier attempt may have taken effect. One that can't may look as if nothing had been sent
    /// when the last attempt could not be; [`Error`] can.
    fn note_retry_summary(&mut self, effort: &RetrySummary) {
        let _ = effort;
    }

    /// The [`Error`] that it only passes on, with its message: a transparent variant. When this becomes an [`Error`] in
    /// turn, that one's notes, hints, attributes, violations, public words and attempts go with it. Default: none.
    fn passes_on(&self) -> Option<&Error> {
        None
    }
}

/// What layers read of an error: implemented for every [`Classify`] type, for [`Error`] and for [`BoxError`].
///
/// That a retry layer has given up stays with an [`Error`], also with one in a box, in an `io::Error`, or in such a one in
/// a box. A box with anything else can't hold it, but for a type that a [`chain`](crate::chain) knows: where such a failure goes from task to
/// task, put a [`TranslateLayer`](crate::TranslateLayer) below, or nested retry layers multiply.
///
/// Not for users to implement; that is [`Classify`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no error classification",
    label = "a Buttress layer must know what kind of failure this is",
    note = "put `TranslateLayer` below the layer, call `.translate()` on the result, or give the layer a classifier",
    note = "an error type of your own: implement or derive `Classify` for it",
    note = "an error of another crate that Buttress knows: switch on the feature of its name (`reqwest`, `hyper`, `h2`, `tonic`, \
            `tower`, `redis`, `serde_json`, `anyhow`, `eyre`)"
)]
pub trait Classified {
    #[doc(hidden)]
    fn classified(&self) -> Class;

    #[doc(hidden)]
    fn stamp(&mut self, effort: &RetrySummary) {
        let _ = effort;
    }

    /// The error itself, where it can be kept without asking for `Clone`.
    #[doc(hidden)]
    fn keep(&self) -> Option<Error> {
        None
    }

    /// The [`Error`] that it is or only passes on.
    #[doc(hidden)]
    fn passed_on(&self) -> Option<&Error> {
        None
    }
}

impl<E: Classify> Classified for E {
    fn classified(&self) -> Class {
        self.class()
    }

    fn stamp(&mut self, effort: &RetrySummary) {
        self.note_retry_summary(effort);
    }

    fn passed_on(&self) -> Option<&Error> {
        self.passes_on()
    }
}

impl Classified for Error {
    fn classified(&self) -> Class {
        self.class_as_shown()
    }

    fn stamp(&mut self, effort: &RetrySummary) {
        self.set_effort(effort);
    }

    fn keep(&self) -> Option<Error> {
        Some(self.clone())
    }

    fn passed_on(&self) -> Option<&Error> {
        Some(self)
    }
}

impl Classified for BoxError {
    fn classified(&self) -> Class {
        foreign::classify(&**self)
    }

    fn stamp(&mut self, effort: &RetrySummary) {
        if let Some(error) = in_box(self) {
            error.set_effort(effort);
        }
    }

    fn keep(&self) -> Option<Error> {
        self.passed_on().cloned()
    }

    fn passed_on(&self) -> Option<&Error> {
        foreign::ours(&**self)
    }
}

macro_rules! pointer {
    ($type:ty, $error:ident => $mut:expr) => {
        impl Classified for $type {
            fn classified(&self) -> Class {
                (**self).classified()
            }

            fn stamp(&mut self, effort: &RetrySummary) {
                let $error = self;
                $mut.set_effort(effort);
            }

            fn keep(&self) -> Option<Error> {
                Some((**self).clone())
            }

            fn passed_on(&self) -> Option<&Error> {
                Some(self)
            }
        }

        /// The same value.
        impl From<$type> for Error {
            fn from(error: $type) -> Self {
                (*error).clone()
            }
        }
    };
}

pointer!(Box<Error>, error => error);
pointer!(Arc<Error>, error => Arc::make_mut(error));

impl<E: Classify> Classify for Box<E> {
    fn class(&self) -> Class {
        (**self).class()
    }

    fn note_retry_summary(&mut self, effort: &RetrySummary) {
        (**self).note_retry_summary(effort);
    }

    fn passes_on(&self) -> Option<&Error> {
        (**self).passes_on()
    }
}

impl<E: Classify + ?Sized> Classify for Arc<E> {
    fn class(&self) -> Class {
        (**self).class()
    }

    /// A shared error can't be changed: only one that nobody else holds takes the mark.
    fn note_retry_summary(&mut self, effort: &RetrySummary) {
        if let Some(error) = Self::get_mut(self) {
            error.note_retry_summary(effort);
        }
    }

    fn passes_on(&self) -> Option<&Error> {
        (**self).passes_on()
    }
}

impl Classify for Infallible {
    fn class(&self) -> Class {
        match *self {}
    }
}
