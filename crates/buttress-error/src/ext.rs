//! `ResultExt`: context where an error passes by.

use std::borrow::Cow;

use crate::{BoxError, Error, Result};

/// Short words for results on their way up.
pub trait ResultExt<T, E>: Sized {
    /// Makes any error an [`Error`]: known types keep their class, others become
    /// [`Kind::Unknown`](crate::Kind::Unknown).
    ///
    /// For foreign types. One of your own that implements [`Classify`](crate::Classify) needs no word but `?`, and
    /// would lose its class here.
    ///
    /// # Errors
    /// The error it was called on, translated.
    fn translate(self) -> Result<T>
    where
        E: Into<BoxError>;

    /// Adds a note: what the program was doing. The kind stays.
    ///
    /// # Errors
    /// The error it was called on, with the note.
    fn note(self, note: impl Into<Cow<'static, str>>) -> Result<T>
    where
        E: Into<Error>;
}

impl<T, E> ResultExt<T, E> for Result<T, E> {
    #[track_caller]
    fn translate(self) -> Result<T>
    where
        E: Into<BoxError>,
    {
        match self {
            Ok(value) => Ok(value),
            Err(error) => Err(Error::from(error.into())),
        }
    }

    #[track_caller]
    fn note(self, note: impl Into<Cow<'static, str>>) -> Result<T>
    where
        E: Into<Error>,
    {
        match self {
            Ok(value) => Ok(value),
            Err(error) => Err(error.into().note(note)),
        }
    }
}
