//! The search for a cause.

use std::error::Error as StdError;
use std::iter;

use super::{Error, MAX_DEPTH};
use crate::foreign::{carried, seen};
use crate::group::ErrorGroup;

type Link<'e> = &'e (dyn StdError + 'static);

/// The maximum number of links that a search visits: groups may share members.
const MAX_VISITS: usize = 4_096;

impl Error {
    /// Iterates over its causes, nearest first, at most 64. Below a [context](Self::context) the error itself is one of them.
    pub fn chain(&self) -> impl Iterator<Item = &(dyn StdError + 'static)> {
        iter::successors(self.source(), |error| (*error).source()).take(MAX_DEPTH)
    }

    /// Returns the last of its causes, at most 64 links away, or the error itself if it has none.
    #[must_use]
    pub fn root_cause(&self) -> &(dyn StdError + 'static) {
        self.chain().last().unwrap_or(self)
    }

    /// Returns the first value of type `T` in it: the error that it wraps, one of its causes, or a member of a group and its
    /// causes; as a `T`, a `Box<T>` or an `Arc<T>`, also inside an `io::Error`. The search visits at most 64 levels and 4096
    /// links. [`find`](crate::find) searches an error of any type.
    #[must_use]
    pub fn find<T: StdError + 'static>(&self) -> Option<&T> {
        walk(self).find_map(seen)
    }

    /// Returns `true` if there is a value of type `T` in it: see [`find`](Self::find).
    #[must_use]
    pub fn is<T: StdError + 'static>(&self) -> bool {
        self.find::<T>().is_some()
    }
}

/// Every link below an error, each before those below it.
pub(crate) fn walk(error: Link<'_>) -> impl Iterator<Item = Link<'_>> {
    let mut walk = Walk { next: None, pending: Vec::new(), left: MAX_VISITS };
    walk.enter(error, 0);
    walk
}

/// Every link of a tree of errors, each before those below it.
struct Walk<'e> {
    next: Option<(Link<'e>, usize)>,
    /// Empty, and so without an allocation, where nothing branches.
    pending: Vec<(Link<'e>, usize)>,
    left: usize,
}

impl<'e> Walk<'e> {
    fn enter(&mut self, link: Link<'e>, depth: usize) {
        if depth == MAX_DEPTH {
            return;
        }
        let below = |link| (link, depth + 1);
        if let Some(error) = link.downcast_ref::<Error>() {
            // Its contexts count as links, but hold no value.
            let depth = depth + usize::from(error.0.contexts());
            if depth >= MAX_DEPTH {
                return;
            }
            let below = |link| (link, depth + 1);
            let (wrapped, given) = (error.wrapped(), error.given());
            self.next = wrapped.or(given).map(below);
            self.pending.extend(wrapped.and(given).map(below));
            self.pending.extend(error.passed_on_group().map(|group| below(group as Link<'e>)));
        } else if let Some(group) = link.downcast_ref::<ErrorGroup>() {
            let mut members = group.members().iter().map(|member| below(member as Link<'e>));
            self.next = members.next();
            self.pending.extend(members.rev());
        } else {
            self.next = carried(link).or_else(|| link.source()).map(below);
        }
    }
}

impl<'e> Iterator for Walk<'e> {
    type Item = Link<'e>;

    fn next(&mut self) -> Option<Link<'e>> {
        let (link, depth) = self.next.take().or_else(|| self.pending.pop())?;
        self.left = self.left.checked_sub(1)?;
        self.enter(link, depth);
        Some(link)
    }
}
