//! `ErrorGroup`: several failures as one.

use std::error::Error as StdError;
use std::fmt::{self, Write};

use crate::error::{Line, MAX_DEPTH, Text};
use crate::{Class, Classify, Error};

/// Several failures as one: never empty, and a tree, as a member may be a group again.
///
/// Its kind is that of its worst member, and it may be repeated only if all may: see [`Class::of_group`]. As a `source()`
/// it shows the worst member, so that any report shows one real failure at least; [`Error::find`] looks into all.
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
    /// A group of one, to be added to.
    #[must_use]
    #[track_caller]
    pub fn new(first: impl Into<Error>) -> Self {
        let first = first.into();
        Self { message: None, class: *first.class(), members: vec![first] }
    }

    /// A group of all `members`; none where there are none.
    #[must_use]
    pub fn of(members: impl IntoIterator<Item = Error>) -> Option<Self> {
        let members: Vec<_> = members.into_iter().collect();
        let class = Class::of_group(members.iter().map(|member| *member.class()))?;
        Some(Self { message: None, class, members })
    }

    /// Says what failed, in place of the number of its members. Clients don't see it, whatever the members allow.
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

    /// How deep an error is that has it below it.
    pub(crate) fn depth(&self) -> u32 {
        self.members.iter().map(Error::depth).max().unwrap_or(0)
    }

    /// All members, to be dropped one by one.
    pub(crate) fn take_members(&mut self) -> Vec<Error> {
        std::mem::take(&mut self.members)
    }

    /// The members, oldest first: at least one.
    #[must_use]
    pub fn members(&self) -> &[Error] {
        &self.members
    }

    /// The members that are no groups, at most 64 groups deep.
    pub fn leaves(&self) -> impl Iterator<Item = &Error> {
        Leaves { levels: vec![self.members.iter()] }
    }

    /// Takes it apart: the tree of those leaves for which `wanted` is true, and the tree of the others. Groups keep their
    /// message, and what was added to them. More than 64 groups deep a group is a leaf.
    #[must_use]
    pub fn split(self, mut wanted: impl FnMut(&Error) -> bool) -> (Option<Self>, Option<Self>) {
        self.split_at(&mut wanted, 1)
    }

    /// The tree of those leaves for which `wanted` is true; none where there are none.
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

    /// The first of the members that gave the group its kind.
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

/// The members themselves.
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

/// The message, or how many members there are, on one line.
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
        // The members allowed their own messages, not this one.
        self.class.public_if(self.message.is_none())
    }
}
