//! The links of a chain of errors, also those that `source()` passes over.

use std::error::Error as StdError;
use std::sync::Arc;
use std::{io, iter};

use crate::error::MAX_DEPTH;

type Link = dyn StdError + 'static;

/// The error and its causes, nearest first, at most 64.
pub(super) fn links(error: &Link) -> impl Iterator<Item = &Link> {
    // No successors: those look for the link after one that may be the last that is asked for.
    let mut last = None;
    iter::from_fn(move || {
        last = last.map_or(Some(error), inside);
        last
    })
    .fuse()
    .take(MAX_DEPTH)
}

/// The next link.
fn inside(error: &Link) -> Option<&Link> {
    carried(error).or_else(|| error.source())
}

/// The error that this one only carries: its own `source()` would pass over it.
pub(crate) fn carried(error: &Link) -> Option<&Link> {
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return error.get_ref().map(|carried| carried as _);
    }
    error.downcast_ref::<Arc<dyn StdError + Send + Sync>>().map(|carried| &**carried as _)
}
