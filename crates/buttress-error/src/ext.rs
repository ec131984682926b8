//! `ResultExt`: context where an error passes by.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use crate::foreign::into_box;
use crate::{BoxError, Class, Delivery, Error, Result, Value};

/// Short words for results on their way up. Each but [`translate`](Self::translate) and [`with_kind`](Self::with_kind)
/// keeps the class of what is classified.
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
    /// Makes any error an [`Error`]: known types keep their class, others become
    /// [`Kind::Unknown`](crate::Kind::Unknown).
    ///
    /// For foreign types. One of your own that implements [`Classify`](crate::Classify) needs no word but `?`, and
    /// would lose its class here. An `anyhow::Error` or `eyre::Report` is searched with the feature of that name. Made
    /// a [`BoxError`] before, it hides the error that it holds: of that, only causes and what stands below a context
    /// are found.
    ///
    /// # Errors
    /// The error it was called on, translated.
    fn translate(self) -> Result<T>
    where
        E: Into<BoxError> + 'static;

    /// Makes any error an [`Error`] of this class: [`Error::wrap`].
    ///
    /// # Errors
    /// The error it was called on, of the class.
    fn with_kind(self, class: impl Into<Class>) -> Result<T>
    where
        E: Into<BoxError> + 'static;

    /// Changes the error: what all other words are made of.
    ///
    /// # Errors
    /// What `change` makes of the error it was called on.
    fn map_error(self, change: impl FnOnce(Error) -> Error) -> Result<T>
    where
        E: Into<Error>;

    /// Adds context, which says what failed because of the error: [`Error::context`].
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

    /// Adds a note: what the program was doing. The kind stays.
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

    /// Adds a hint for clients: what to do about it.
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

    /// Changes the class and says so: [`Error::reclassify`].
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

    /// Says that the request provably never reached the other side: it may be repeated, whatever the method.
    ///
    /// # Errors
    /// The error it was called on, as never sent.
    #[track_caller]
    fn not_processed(self) -> Result<T>
    where
        E: Into<Error>,
    {
        self.map_error(|error| error.delivery(Delivery::NotProcessed))
    }

    /// Says how long the other side asked us to wait.
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

    /// Names the part of the system that it comes from: [`Error::domain`].
    ///
    /// # Errors
    /// The error it was called on, of the domain.
    #[track_caller]
    fn in_domain(self, domain: impl Into<Arc<str>>) -> Result<T>
    where
        E: Into<Error>,
    {
        self.map_error(|error| error.domain(domain))
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

/// A word for what is absent.
pub trait OptionExt<T>: Sized {
    /// The value, or an error of `class` that says `message`.
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
    /// Where there is no value.
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
