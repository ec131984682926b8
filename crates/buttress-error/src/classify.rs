//! `Classify`, which error types implement, and `Classified`, which layers require.

use std::convert::Infallible;
use std::sync::Arc;

use crate::BoxError;
use crate::class::Class;
use crate::error::Error;
use crate::error::in_box;
use crate::foreign;
use crate::retry_summary::RetrySummary;

/// An error type with a [`Class`]. Implement it for your own errors; layers require [`Classified`].
///
/// Implement it by hand, as here, or by the derive of the same name (feature `derive`), with an attribute on each variant.
///
/// A variant with `#[error(transparent)]` forwards `source()`: the error in it is no link of the chain, and neither
/// [`classify`](crate::classify) nor [`find`](crate::find) sees it. Take its class in this implementation, as for `Refused`
/// below, and use `#[source]` with a message of its own for foreign errors.
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
    /// Returns the class of this error.
    fn class(&self) -> Class;

    /// Records the attempts of a retry layer that stopped at this error. Default: ignores them.
    ///
    /// An error type that stores its class should replace it by [`summary.class(…)`](RetrySummary::class): this stops outer
    /// retry layers, and keeps that an earlier attempt may have taken effect. [`Error`] does so. Without it an error may seem
    /// not processed when only the last attempt was not.
    fn note_retry_summary(&mut self, summary: &RetrySummary) {
        let _ = summary;
    }

    /// Returns the [`Error`] of a transparent variant, whose message is that of the variant. When this error becomes an
    /// [`Error`], the notes, hints, attributes, violations, public message, attempts and group of that one are kept.
    /// Default: none.
    fn passes_on(&self) -> Option<&Error> {
        None
    }
}

/// An error that layers can classify: every [`Classify`] type, [`Error`] and [`BoxError`].
///
/// An [`Error`] stores that a retry layer has exhausted it, also in a box or an `io::Error`. A box with an error of any other
/// type cannot store it, except for types that a [`chain`](crate::chain) lists. If such an error passes from task to task, put
/// a [`TranslateLayer`](crate::TranslateLayer) below the retry layers, or nested retries multiply.
///
/// Not meant to be implemented: implement [`Classify`].
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
    fn stamp(&mut self, summary: &RetrySummary) {
        let _ = summary;
    }

    /// Returns a copy of the error, if that does not require `Clone`.
    #[doc(hidden)]
    fn keep(&self) -> Option<Error> {
        None
    }

    /// Returns the [`Error`] that it is or passes on.
    #[doc(hidden)]
    fn passed_on(&self) -> Option<&Error> {
        None
    }
}

impl<E: Classify> Classified for E {
    fn classified(&self) -> Class {
        self.class()
    }

    fn stamp(&mut self, summary: &RetrySummary) {
        self.note_retry_summary(summary);
    }

    fn passed_on(&self) -> Option<&Error> {
        self.passes_on()
    }
}

impl Classified for Error {
    fn classified(&self) -> Class {
        self.class_as_shown()
    }

    fn stamp(&mut self, summary: &RetrySummary) {
        self.set_retry_summary(summary);
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

    fn stamp(&mut self, summary: &RetrySummary) {
        if let Some(error) = in_box(self) {
            error.set_retry_summary(summary);
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

            fn stamp(&mut self, summary: &RetrySummary) {
                let $error = self;
                $mut.set_retry_summary(summary);
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

    fn note_retry_summary(&mut self, summary: &RetrySummary) {
        (**self).note_retry_summary(summary);
    }

    fn passes_on(&self) -> Option<&Error> {
        (**self).passes_on()
    }
}

impl<E: Classify + ?Sized> Classify for Arc<E> {
    fn class(&self) -> Class {
        (**self).class()
    }

    /// Does nothing if the error is shared.
    fn note_retry_summary(&mut self, summary: &RetrySummary) {
        if let Some(error) = Self::get_mut(self) {
            error.note_retry_summary(summary);
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
