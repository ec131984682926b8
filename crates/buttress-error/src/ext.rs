//! `ResultExt`: methods that add to the error of a result.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use crate::BoxError;
use crate::Result;
use crate::axes::Delivery;
use crate::class::Class;
use crate::error::Error;
use crate::foreign::into_box;
use crate::value::Value;

/// Methods that add to the error of a result. All except [`translate`](Self::translate) and [`with_kind`](Self::with_kind)
/// keep the class of a classified error.
///
/// ```
/// use buttress_error::{Kind, Result, ResultExt};
///
/// fn load(path: &str) -> Result<u16> {
///     let text = std::fs::read_to_string(path)
///         .add_context("no settings")
///         .attr("path", path)
///         .hint("copy settings.example and edit it")?;
///     text.trim().parse::<u16>().with_kind(Kind::Config)
/// }
///
/// let error = load("/no/such/file").unwrap_err();
/// assert_eq!(error.kind(), Kind::NotFound);
/// assert!(format!("{error:#}").starts_with("no settings: "));
/// ```
pub trait ResultExt<T, E>: Sized {
    /// Converts any error into an [`Error`]: known types keep their class, others become
    /// [`Kind::Unknown`](crate::Kind::Unknown).
    ///
    /// For foreign types. A type of your own that implements [`Classify`](crate::Classify) only needs `?`, and would lose its
    /// class here. An `anyhow::Error` or `eyre::Report` is searched with the feature of that name; if it became a
    /// [`BoxError`] before, its outermost error is hidden, and only causes and the error below a context are found.
    ///
    /// `#[error(transparent)]` of thiserror forwards `source()`, and so hides the error in the variant itself: only the
    /// causes of that error are found. Give a foreign error a message of its own and `#[source]`, or implement `Classify`
    /// for the enum.
    ///
    /// # Errors
    /// The error it was called on, translated.
    fn translate(self) -> Result<T>
    where
        E: Into<BoxError> + 'static;

    /// Converts any error into an [`Error`] of this class: [`Error::wrap`].
    ///
    /// # Errors
    /// The error it was called on, of the class.
    fn with_kind(self, class: impl Into<Class>) -> Result<T>
    where
        E: Into<BoxError> + 'static;

    /// Converts the error into an [`Error`] and changes it. All methods below use this.
    ///
    /// # Errors
    /// The result of `change`.
    fn map_error(self, change: impl FnOnce(Error) -> Error) -> Result<T>
    where
        E: Into<Error>;

    /// Adds context, a new message for the failure that the error caused: [`Error::context`].
    ///
    /// The name differs from `Context::context` of anyhow and `ResultExt::context` of snafu, so that those traits can
    /// be imported beside this one.
    ///
    /// # Errors
    /// A new error above the one it was called on.
    #[track_caller]
    fn add_context(self, message: impl Into<Cow<'static, str>>) -> Result<T>
    where
        E: Into<Error>,
    {
        self.map_error(|error| error.context(message))
    }

    /// Adds a note about what the program was doing: [`Error::note`].
    ///
    /// # Errors
    /// The error it was called on, with the note.
    #[track_caller]
    fn note(self, note: impl Into<Cow<'static, str>>) -> Result<T>
    where
        E: Into<Error>,
    {
        self.map_error(|error| error.note(note))
    }

    /// Adds a hint for clients, about what to do: [`Error::hint`].
    ///
    /// # Errors
    /// The error it was called on, with the hint.
    #[track_caller]
    fn hint(self, hint: impl Into<Cow<'static, str>>) -> Result<T>
    where
        E: Into<Error>,
    {
        self.map_error(|error| error.hint(hint))
    }

    /// Adds an attribute: [`Error::attr`].
    ///
    /// # Errors
    /// The error it was called on, with the attribute.
    #[track_caller]
    fn attr(self, key: &'static str, value: impl Into<Value>) -> Result<T>
    where
        E: Into<Error>,
    {
        self.map_error(|error| error.attr(key, value))
    }

    /// Changes the class and notes that: [`Error::reclassify`].
    ///
    /// # Errors
    /// The error it was called on, of the class.
    #[track_caller]
    fn reclassify(self, class: impl Into<Class>) -> Result<T>
    where
        E: Into<Error>,
    {
        self.map_error(|error| error.reclassify(class))
    }

    /// Marks the request as not processed: it is safe to repeat, whatever the method.
    ///
    /// # Errors
    /// The error it was called on, as not processed.
    #[track_caller]
    fn not_processed(self) -> Result<T>
    where
        E: Into<Error>,
    {
        self.map_error(|error| error.delivery(Delivery::NotProcessed))
    }

    /// Sets how long the dependency asked callers to wait.
    ///
    /// # Errors
    /// The error it was called on, with the wait.
    #[track_caller]
    fn retry_after(self, wait: Duration) -> Result<T>
    where
        E: Into<Error>,
    {
        self.map_error(|error| error.retry_after(wait))
    }

    /// Sets the part of the system that it comes from: [`Error::domain`].
    ///
    /// # Errors
    /// The error it was called on, of the domain.
    #[track_caller]
    fn in_domain(self, domain: impl Into<Arc<str>>) -> Result<T>
    where
        E: Into<Error>,
    {
        self.map_error(|error| error.with_domain(domain))
    }
}

impl<T, E> ResultExt<T, E> for Result<T, E> {
    #[track_caller]
    fn translate(self) -> Result<T>
    where
        E: Into<BoxError> + 'static,
    {
        match self {
            Ok(value) => Ok(value),
            Err(error) => Err(Error::from(into_box(error))),
        }
    }

    #[track_caller]
    fn with_kind(self, class: impl Into<Class>) -> Result<T>
    where
        E: Into<BoxError> + 'static,
    {
        match self {
            Ok(value) => Ok(value),
            Err(error) => Err(Error::wrap(class, error)),
        }
    }

    #[track_caller]
    fn map_error(self, change: impl FnOnce(Error) -> Error) -> Result<T>
    where
        E: Into<Error>,
    {
        match self {
            Ok(value) => Ok(value),
            Err(error) => Err(change(error.into())),
        }
    }
}

/// A conversion from an option.
pub trait OptionExt<T>: Sized {
    /// Returns the value, or an error of `class` with `message`.
    ///
    /// ```
    /// use buttress_error::{Kind, OptionExt, Result};
    ///
    /// fn first(names: &[&str]) -> Result<String> {
    ///     Ok(names.first().or_kind(Kind::FailedPrecondition, "no names")?.to_string())
    /// }
    ///
    /// assert_eq!(first(&[]).unwrap_err().kind(), Kind::FailedPrecondition);
    /// ```
    ///
    /// # Errors
    /// Returns the error if there is no value.
    fn or_kind(self, class: impl Into<Class>, message: impl Into<Cow<'static, str>>) -> Result<T>;
}

impl<T> OptionExt<T> for Option<T> {
    #[track_caller]
    fn or_kind(self, class: impl Into<Class>, message: impl Into<Cow<'static, str>>) -> Result<T> {
        match self {
            Some(value) => Ok(value),
            None => Err(Error::new(class, message)),
        }
    }
}
