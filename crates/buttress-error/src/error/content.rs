//! The content of an error: its message or the error that it wraps. And its cause.

use std::any::Any;
use std::error::Error as StdError;
use std::io;
use std::sync::Arc;

use super::{Error, Text};
use crate::BoxError;
use crate::foreign::{itself, ours};
use crate::rejection::Rejection;

pub(super) type Shared = Arc<dyn StdError + Send + Sync>;

#[derive(Clone)]
pub(super) enum Content {
    /// A message of our own.
    Text(Text),
    /// The same about the error that is our source: its class and its origin are ours.
    Context(Text),
    /// An error of another type, whose message and chain are ours.
    Value(Shared),
    /// The same, inline: a refused call costs one allocation and not two.
    Rejection(Rejection),
    /// The same, for the error that most foreign ones are.
    Io(Io),
}

impl Content {
    #[inline]
    pub(super) fn of<E: StdError + Send + Sync + 'static>(error: E) -> Self {
        let mut slot = Some(error);
        if let Some(rejection) = taken(&mut slot) {
            return Self::Rejection(rejection);
        }
        match taken(&mut slot) {
            Some(error) => Self::io(error),
            None => Self::Value(Arc::new(slot.expect("nothing was taken out"))),
        }
    }

    pub(super) fn boxed(error: BoxError) -> Self {
        let error = match error.downcast() {
            Ok(rejection) => return Self::Rejection(*rejection),
            Err(error) => error,
        };
        match error.downcast() {
            Ok(error) => Self::io(*error),
            Err(error) => Self::Value(error.into()),
        }
    }

    #[inline]
    fn io(error: io::Error) -> Self {
        if error.get_ref().is_none() { Self::Io(Io(error)) } else { Self::Value(Arc::new(error)) }
    }

    /// The error of ours that it carries.
    pub(super) fn carried(&self) -> Option<&Error> {
        if let Self::Value(value) = self { ours(&**value) } else { None }
    }

    pub(super) fn value(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Text(_) | Self::Context(_) => None,
            Self::Value(value) => Some(&**value),
            Self::Rejection(rejection) => Some(rejection),
            Self::Io(Io(error)) => Some(error),
        }
    }
}

/// The error of ours that the box holds, or that an `io::Error` in it only carries.
pub(crate) fn in_box(error: &mut BoxError) -> Option<&mut Error> {
    ours_mut(&mut **error)
}

/// The error of ours that an `io::Error`, or one in another, only carries.
pub(crate) fn in_io(error: &mut io::Error) -> Option<&mut Error> {
    ours_mut(error.get_mut()?)
}

fn ours_mut<'e>(mut link: &'e mut (dyn StdError + Send + Sync + 'static)) -> Option<&'e mut Error> {
    loop {
        if link.is::<Error>() {
            return link.downcast_mut();
        }
        if link.is::<Box<Error>>() {
            return link.downcast_mut::<Box<Error>>().map(|error| &mut **error);
        }
        if link.is::<Arc<Error>>() {
            return link.downcast_mut().map(Arc::make_mut);
        }
        link = link.downcast_mut::<io::Error>()?.get_mut()?;
    }
}

/// The value, if it is of that type.
#[inline]
pub(crate) fn taken<E: 'static, T: 'static>(slot: &mut Option<E>) -> Option<T> {
    (slot as &mut dyn Any).downcast_mut().and_then(Option::take)
}

/// An `io::Error` that carries no other.
pub(super) struct Io(pub(super) io::Error);

/// That of the operating system, or of a kind alone, is the same again; any other keeps its kind and its text.
impl Clone for Io {
    fn clone(&self) -> Self {
        let (code, kind, text) = (self.0.raw_os_error(), self.0.kind(), self.0.to_string());
        let same = code.map_or_else(|| io::Error::from(kind), io::Error::from_raw_os_error);
        Self(if same.to_string() == text { same } else { io::Error::new(kind, text) })
    }
}

/// A cause: ours has no box of its own.
#[derive(Clone)]
pub(super) enum Source {
    Ours(Error),
    Other(Shared),
}

impl Source {
    pub(super) fn of(error: BoxError) -> Self {
        match itself(&*error) {
            Some(ours) => Self::Ours(ours.clone()),
            None => Self::Other(error.into()),
        }
    }

    pub(super) fn get(&self) -> &(dyn StdError + 'static) {
        match self {
            Self::Ours(error) => error,
            Self::Other(error) => &**error,
        }
    }
}
