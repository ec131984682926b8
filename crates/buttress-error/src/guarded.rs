//! `Guarded`: any error, or the rejection of a layer above it.

use std::error::Error as StdError;
use std::fmt;

use crate::class::Class;
use crate::classify::{Classified, Classify};
use crate::error::Error;
use crate::rejection::Rejection;
use crate::retry_summary::RetrySummary;
use crate::translate::Translate;

/// The error `E` of a guarded call, or the [`Rejection`] of the layer that guards it: for error types that cannot hold a
/// rejection, such as those of another crate, a `String` or `()`.
///
/// A breaker's `guarded()` calls return it, and [`TranslateLayer::guarded`](crate::TranslateLayer::guarded) makes it the
/// error type of a service, so that every layer fits above. `E` may be any type; each trait is implemented where `E`
/// has it. Its message, class and retry stamp are those of what it holds, which is also its
/// [`source`](StdError::source). `?` makes an [`Error`] of what it holds.
///
/// ```
/// use buttress_error::{Guarded, Kind, Rejection};
/// use std::time::Duration;
///
/// fn report(outcome: Result<u32, Guarded<std::num::ParseIntError>>) -> String {
///     match outcome {
///         Ok(number) => format!("{number}"),
///         Err(Guarded::Inner(error)) => format!("not a number: {error}"),
///         Err(Guarded::Rejected(rejection)) => format!("not asked: {rejection}"),
///     }
/// }
///
/// assert_eq!(report("x".parse().map_err(Guarded::Inner)), "not a number: invalid digit found in string");
/// let rejection = Rejection::forced_open("numbers".into(), Duration::from_secs(3));
/// assert_eq!(report(Err(rejection.into())), "not asked: numbers: circuit forced open for 3.0s");
/// ```
#[derive(Clone, Debug)]
#[allow(clippy::exhaustive_enums)] // a call is refused, or made
pub enum Guarded<E> {
    /// A layer refused the call, or cut it short.
    Rejected(Rejection),
    /// The call was made, and failed with this error.
    Inner(E),
}

impl<E> Guarded<E> {
    /// Returns `true` if a layer refused the call or cut it short.
    #[must_use]
    pub const fn is_rejected(&self) -> bool {
        matches!(self, Self::Rejected(_))
    }

    /// The rejection, if a layer refused the call or cut it short.
    #[must_use]
    pub const fn rejection(&self) -> Option<&Rejection> {
        match self {
            Self::Rejected(rejection) => Some(rejection),
            Self::Inner(_) => None,
        }
    }

    /// The error of the call, if it was made.
    #[must_use]
    pub const fn inner(&self) -> Option<&E> {
        match self {
            Self::Rejected(_) => None,
            Self::Inner(error) => Some(error),
        }
    }

    /// Unwraps the error of the call.
    ///
    /// # Errors
    /// The [`Rejection`], if a layer refused the call or cut it short.
    pub fn into_inner(self) -> Result<E, Rejection> {
        match self {
            Self::Rejected(rejection) => Err(rejection),
            Self::Inner(error) => Ok(error),
        }
    }

    /// Converts the error of the call with `convert`; a rejection stays.
    #[must_use]
    pub fn map<F>(self, convert: impl FnOnce(E) -> F) -> Guarded<F> {
        match self {
            Self::Rejected(rejection) => Guarded::Rejected(rejection),
            Self::Inner(error) => Guarded::Inner(convert(error)),
        }
    }

    /// The class of what it holds.
    #[must_use]
    pub fn class(&self) -> Class
    where
        E: Classified,
    {
        self.classified()
    }
}

impl<E> From<Rejection> for Guarded<E> {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

/// What it holds, as an [`Error`]: nothing says any more that it was guarded.
impl<E: Into<Self>> From<Guarded<E>> for Error {
    #[track_caller]
    fn from(error: Guarded<E>) -> Self {
        match error {
            Guarded::Rejected(rejection) => rejection.into(),
            Guarded::Inner(error) => error.into(),
        }
    }
}

impl<E: fmt::Display> fmt::Display for Guarded<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(rejection) => rejection.fmt(f),
            Self::Inner(error) => error.fmt(f),
        }
    }
}

impl<E: StdError + 'static> StdError for Guarded<E> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Rejected(rejection) => Some(rejection),
            Self::Inner(error) => Some(error),
        }
    }
}

// Not by `Classify`, whose errors cannot be kept: an `Error` in it can.
impl<E: Classified> Classified for Guarded<E> {
    fn classified(&self) -> Class {
        match self {
            Self::Rejected(rejection) => Classify::class(rejection),
            Self::Inner(error) => error.classified(),
        }
    }

    fn stamp(&mut self, summary: &RetrySummary) {
        match self {
            Self::Rejected(rejection) => rejection.note_retry_summary(summary),
            Self::Inner(error) => error.stamp(summary),
        }
    }

    fn keep(&self) -> Option<Error> {
        self.inner().and_then(Classified::keep)
    }

    fn passed_on(&self) -> Option<&Error> {
        self.inner().and_then(Classified::passed_on)
    }
}

/// Makes every error a [`Guarded::Inner`]: see [`TranslateLayer::guarded`](crate::TranslateLayer::guarded).
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct IntoGuarded;

impl<E> Translate<E> for IntoGuarded {
    type Out = Guarded<E>;

    fn translate(&self, error: E) -> Guarded<E> {
        Guarded::Inner(error)
    }
}
