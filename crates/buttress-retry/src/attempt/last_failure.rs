//! `Kept`: the last real failure of a call, while a later attempt may be refused. A plain value.

use std::fmt;

use buttress_error::{Class, Delivery, Kind};

use crate::attempt::earlier::Earlier;

/// The last error of an attempt that no layer of the stack refused, and the last one that says of itself that its outcome
/// is unknown.
///
/// A failed response is not kept: its body may hold the connection that the next attempt needs.
pub(crate) struct Kept<O> {
    last: Option<Failure<O>>,
    /// Where `last` says otherwise.
    unknown: Option<O>,
}

struct Failure<O> {
    /// In the light of the attempts before it.
    class: Class,
    /// Does the error itself say that its outcome is unknown?
    says_unknown: bool,
    outcome: O,
}

/// With which failure a call ends.
pub(crate) struct Last<O> {
    pub(crate) class: Class,
    pub(crate) outcome: O,
    /// The refusal of a later attempt, where `outcome` is the failure before it.
    pub(crate) refusal: Option<O>,
    /// Was a later attempt refused by a layer of the stack?
    pub(crate) refused: bool,
}

impl<O> Kept<O> {
    pub(crate) const fn new() -> Self {
        Self { last: None, unknown: None }
    }

    /// The last error that says of itself that its outcome is unknown.
    pub(crate) fn take_unknown(&mut self) -> Option<O> {
        let last = self.last.take().filter(|failure| failure.says_unknown);
        last.map(|failure| failure.outcome).or_else(|| self.unknown.take())
    }
}

impl<T, E> Kept<Result<T, E>> {
    /// Another attempt follows one that ended with `outcome`, which `says` this of itself, and is of `class` in the light of
    /// the attempts before it.
    pub(crate) fn replace(&mut self, class: Class, says: Delivery, outcome: Result<T, E>) {
        if outcome.is_ok() || class.kind == Kind::Rejected {
            return;
        }
        let says_unknown = says == Delivery::Unknown;
        let before = self.last.replace(Failure { class, says_unknown, outcome });
        if let Some(before) = before.filter(|failure| failure.says_unknown && !says_unknown) {
            self.unknown = Some(before.outcome);
        }
    }

    /// The failure with which a call ends that ended with `outcome`: a refusal never hides a real failure before it.
    pub(crate) fn last_real(
        &mut self,
        class: Class,
        outcome: Result<T, E>,
        earlier: Earlier,
    ) -> Last<Result<T, E>> {
        if class.kind == Kind::Rejected
            && let Some(before) = self.last.take()
        {
            let refusal = Some(outcome);
            return Last { class: before.class, outcome: before.outcome, refusal, refused: true };
        }
        let refused = class.kind == Kind::Rejected && earlier.is_unresolved();
        Last { class, outcome, refusal: None, refused }
    }
}

impl<O> fmt::Debug for Kept<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Kept").field(&self.last.as_ref().map(|failure| failure.class.kind)).finish()
    }
}
