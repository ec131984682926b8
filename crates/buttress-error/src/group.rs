//! `ErrorGroup`: several failures as one error.

use std::error::Error as StdError;
use std::fmt::{self, Write};

use crate::class::Class;
use crate::classify::Classify;
use crate::error::Error;
use crate::error::{Line, MAX_DEPTH, Text};

/// Several failures as one error. A group is never empty. A member may be a group again.
///
/// Its kind is that of its most severe member, and it may be retried only if all members may: see [`Class::of_group`]. Its
/// `source()` is the most severe member, so that every report of a chain shows at least one of the failures.
/// [`Error::find`] searches all members.
///
/// ```
/// use buttress_error::{Error, ErrorGroup, Kind};
///
/// let mut group = ErrorGroup::new(Error::new(Kind::NotFound, "no such order"));
/// group.push(Error::new(Kind::Unavailable, "database down"));
///
/// let error = Error::from(group);
/// assert_eq!(error.kind(), Kind::Unavailable);
/// assert_eq!(format!("{error:#}"), "2 errors: [no such order; database down]");
/// ```
#[derive(Clone)]
pub struct ErrorGroup {
    message: Option<Text>,
    class: Class,
    members: Vec<Error>,
}

impl ErrorGroup {
    /// Creates a group of one member.
    #[must_use]
    #[track_caller]
    pub fn new(first: impl Into<Error>) -> Self {
        let first = first.into();
        Self { message: None, class: *first.class(), members: vec![first] }
    }

    /// Creates a group of all `members`; none if there are no members.
    #[must_use]
    pub fn of(members: impl IntoIterator<Item = Error>) -> Option<Self> {
        let members: Vec<_> = members.into_iter().collect();
        let class = Class::of_group(members.iter().map(|member| *member.class()))?;
        Some(Self { message: None, class, members })
    }

    /// Sets the message, which is the number of members by default. Clients don't see it, even if all members are public.
    #[must_use]
    pub fn message(mut self, message: impl Into<Text>) -> Self {
        self.message = Some(message.into());
        self
    }

    /// Adds a member.
    #[track_caller]
    pub fn push(&mut self, error: impl Into<Error>) {
        let error = error.into();
        self.class = Class::of_group([self.class, *error.class()]).unwrap_or(self.class);
        self.members.push(error);
    }

    /// The nesting depth of an error that contains the group.
    pub(crate) fn depth(&self) -> u32 {
        self.members.iter().map(Error::depth).max().unwrap_or(0)
    }

    /// Takes all members out, so that they are dropped one by one.
    pub(crate) fn take_members(&mut self) -> Vec<Error> {
        std::mem::take(&mut self.members)
    }

    /// Returns the members, oldest first: at least one.
    #[must_use]
    pub fn members(&self) -> &[Error] {
        &self.members
    }

    /// Iterates over the members that are not groups, at most 64 groups deep.
    pub fn leaves(&self) -> impl Iterator<Item = &Error> {
        Leaves { levels: vec![self.members.iter()] }
    }

    /// Splits the tree into the leaves for which `wanted` returns `true`, and the others. Groups keep their message and all
    /// that was added to them. More than 64 groups deep, a group is a leaf.
    #[must_use]
    pub fn split(self, mut wanted: impl FnMut(&Error) -> bool) -> (Option<Self>, Option<Self>) {
        self.split_at(&mut wanted, 1)
    }

    /// Returns the tree of the leaves for which `wanted` returns `true`; none if there are no such leaves.
    #[must_use]
    pub fn retain(self, wanted: impl FnMut(&Error) -> bool) -> Option<Self> {
        self.split(wanted).0
    }

    fn split_at(self, wanted: &mut dyn FnMut(&Error) -> bool, depth: usize) -> (Option<Self>, Option<Self>) {
        let (mut yes, mut no) = (Vec::new(), Vec::new());
        for member in self.members {
            match member.group().filter(|_| depth < MAX_DEPTH) {
                None => if wanted(&member) { &mut yes } else { &mut no }.push(member),
                Some(group) => {
                    let (inner_yes, inner_no) = group.clone().split_at(wanted, depth + 1);
                    match (inner_yes, inner_no) {
                        (Some(_), None) => yes.push(member),
                        (None, Some(_)) => no.push(member),
                        (inner_yes, inner_no) => {
                            yes.extend(inner_yes.map(|group| member.clone().with_group(group)));
                            no.extend(inner_no.map(|group| member.with_group(group)));
                        }
                    }
                }
            }
        }
        let tree = |members| Some(Self { message: self.message.clone(), ..Self::of(members)? });
        (tree(yes), tree(no))
    }

    /// Returns the first of the most severe members.
    fn worst(&self) -> Option<&Error> {
        self.members.iter().find(|member| member.kind() == self.class.kind)
    }
}

struct Leaves<'a> {
    levels: Vec<std::slice::Iter<'a, Error>>,
}

impl<'a> Iterator for Leaves<'a> {
    type Item = &'a Error;

    fn next(&mut self) -> Option<&'a Error> {
        loop {
            let Some(member) = self.levels.last_mut()?.next() else {
                self.levels.pop();
                continue;
            };
            match member.group().filter(|_| self.levels.len() < MAX_DEPTH) {
                Some(group) => self.levels.push(group.members.iter()),
                None => return Some(member),
            }
        }
    }
}

/// Iterates over the members.
impl IntoIterator for ErrorGroup {
    type Item = Error;
    type IntoIter = std::vec::IntoIter<Error>;

    fn into_iter(self) -> Self::IntoIter {
        self.members.into_iter()
    }
}

impl<'a> IntoIterator for &'a ErrorGroup {
    type Item = &'a Error;
    type IntoIter = std::slice::Iter<'a, Error>;

    fn into_iter(self) -> Self::IntoIter {
        self.members.iter()
    }
}

impl Extend<Error> for ErrorGroup {
    fn extend<I: IntoIterator<Item = Error>>(&mut self, errors: I) {
        errors.into_iter().for_each(|error| self.push(error));
    }
}

/// Writes the message and the number of members, on one line.
impl fmt::Display for ErrorGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.message, self.members.len()) {
            (Some(message), 1) => write!(Line(f), "{message} (1 error)"),
            (Some(message), members) => write!(Line(f), "{message} ({members} errors)"),
            (None, 1) => f.write_str("1 error"),
            (None, members) => write!(f, "{members} errors"),
        }?;
        if f.alternate() { crate::error::members_on_a_line(self, f) } else { Ok(()) }
    }
}

impl fmt::Debug for ErrorGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Error::from(self.clone()).without_location().fmt(f)
    }
}

impl StdError for ErrorGroup {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.worst().map(|worst| worst as _)
    }
}

impl Classify for ErrorGroup {
    fn class(&self) -> Class {
        // The members made their own messages public, not this one.
        self.class.public_if(self.message.is_none())
    }
}
