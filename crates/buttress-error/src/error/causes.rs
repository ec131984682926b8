//! The causes of an error as they are shown: down to the first group, whose members then take their place.

use std::error::Error as StdError;

use super::{Error, MAX_DEPTH};
use crate::contain;
use crate::foreign::group_of;
use crate::group::ErrorGroup;

type Link<'e> = &'e (dyn StdError + 'static);

pub(crate) struct Causes<'e> {
    /// The error and its causes, outermost first. The last one is the group, if there is one.
    pub(crate) links: Vec<Link<'e>>,
    /// The first group. The only cause that its `source()` shows is its worst member.
    pub(crate) group: Option<&'e ErrorGroup>,
}

impl<'e> Causes<'e> {
    /// Follows the chain for at most 64 links. A `source()` that panics ends it.
    pub(crate) fn of(error: &'e Error) -> Self {
        let (mut links, mut group): (Vec<Link<'e>>, _) = (Vec::new(), None);
        let mut next: Option<Link<'e>> = Some(error);
        // How many links of our own lie between a group and its outermost context.
        let mut contexts = None;
        while let Some(link) = next.filter(|_| links.len() <= MAX_DEPTH) {
            links.push(link);
            contexts = match contexts {
                Some(contexts) => Some(contexts - 1),
                None => group_of(link).map(|found| {
                    group = Some(found);
                    link.downcast_ref().map_or(0, Error::contexts)
                }),
            };
            if contexts == Some(0) {
                break;
            }
            next = contain::run(|| link.source()).flatten();
        }
        Self { links, group }
    }
}
