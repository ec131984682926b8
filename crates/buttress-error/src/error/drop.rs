//! Dropping what is deep.
//!
//! By itself a tree of errors would be dropped to the depth of its length, which no stack has to hold. So each error
//! knows how deep it is, and a deep one is taken apart, error by error. Others pay a comparison.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;

use super::content::Shared;
use super::{Content, Counted, Error, Inner, Source};
use crate::BoxError;
use crate::foreign::carried;
use crate::group::ErrorGroup;

/// How many errors may be dropped one in the other.
const SHALLOW: u32 = 32;

impl Drop for Inner {
    #[inline]
    fn drop(&mut self) {
        if self.depth > SHALLOW {
            self.take_apart();
        }
    }
}

impl Inner {
    #[cold]
    fn take_apart(&mut self) {
        let mut pending = Vec::new();
        self.take_below(&mut pending);
        while let Some(mut error) = pending.pop() {
            // One that others hold, too, stays as it is.
            if let Some(links) = Counted::get_mut(&mut error.0) {
                links.inner_mut().take_below(&mut pending);
            }
        }
    }

    /// Every error that is below it, as far as it can be got at.
    fn take_below(&mut self, pending: &mut Vec<Error>) {
        self.depth = 0;
        if let Some(extra) = &mut self.extra {
            pending.extend(extra.hidden.take());
            pending.extend(extra.passed_on.take());
            if let Some(summary) = &mut extra.retry_summary {
                pending.extend(summary.remedy.take());
                pending.extend(summary.refusal.take());
            }
        }
        match &mut self.content {
            Content::Value(value) => match group(value) {
                Some(group) => pending.append(&mut group.take_members()),
                None => take_carried(value, pending),
            },
            Content::Rejection(rejection) => pending.extend(rejection.take_cause()),
            Content::Text(_) | Content::Context(_) | Content::Io(_) => {}
        }
        match self.source.take() {
            Some(Source::Ours(error)) => pending.push(error),
            Some(Source::Other(mut other)) => take_carried(&mut other, pending),
            None => {}
        }
    }
}

fn group(value: &mut Shared) -> Option<&mut ErrorGroup> {
    if value.is::<ErrorGroup>() { Arc::get_mut(value)?.downcast_mut() } else { None }
}

/// Takes out what an `io::Error` carries, also in a `Box` or an `Arc`, unless it is shared.
fn take_carried(value: &mut Shared, pending: &mut Vec<Error>) {
    let outer = Arc::get_mut(value).and_then(|value| value.downcast_mut::<io::Error>());
    let taken = outer.map(|outer| std::mem::replace(outer, io::ErrorKind::Other.into()));
    let mut inside = taken.and_then(io::Error::into_inner);
    while let Some(boxed) = inside {
        inside = match take_out(boxed, pending) {
            Ok(()) => None,
            Err(other) => other.downcast::<io::Error>().ok().and_then(|error| error.into_inner()),
        };
    }
}

/// Takes the errors of ours out of the box, or returns it.
fn take_out(boxed: BoxError, pending: &mut Vec<Error>) -> Result<(), BoxError> {
    let boxed = match boxed.downcast::<Error>() {
        Ok(error) => {
            pending.push(*error);
            return Ok(());
        }
        Err(other) => other,
    };
    let boxed = match boxed.downcast::<Box<Error>>() {
        Ok(error) => {
            pending.push(**error);
            return Ok(());
        }
        Err(other) => other,
    };
    let boxed = match boxed.downcast::<Arc<Error>>() {
        Ok(error) => {
            pending.extend(Arc::into_inner(*error));
            return Ok(());
        }
        Err(other) => other,
    };
    boxed.downcast::<ErrorGroup>().map(|mut group| pending.append(&mut group.take_members()))
}

impl Content {
    /// How deep it is, as far as it can be taken apart.
    #[inline]
    pub(super) fn depth(&self) -> u32 {
        match self {
            Self::Text(_) | Self::Context(_) | Self::Io(_) => 0,
            Self::Value(value) => depth_of(&**value),
            Self::Rejection(rejection) => rejection.source().map_or(0, depth_of),
        }
    }
}

/// How deep an error of another type is, as far as it can be taken apart.
pub(super) fn depth_of(error: &(dyn StdError + 'static)) -> u32 {
    let mut link = error;
    loop {
        if let Some(group) = link.downcast_ref::<ErrorGroup>() {
            return group.depth();
        }
        if let Some(error) = link.downcast_ref::<Error>() {
            return error.depth();
        }
        match carried(link) {
            Some(carried) => link = carried,
            None => return 0,
        }
    }
}

impl Error {
    /// How deep an error is that has this one below it.
    pub(crate) fn depth(&self) -> u32 {
        self.inner().depth.saturating_add(1)
    }
}
