//! `Kept`: the last real failure of a call, while a later attempt may be refused. A plain value.

use std::fmt;

use buttress_error::{Class, Kind};

use crate::earlier::Earlier;

/// The last error of an attempt that no layer of the stack refused, with its class.
///
/// A failed response is not kept: its body may hold the connection that the next attempt needs.
pub(crate) struct Kept<O>(Option<(Class, O)>);

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
        Self(None)
    }
}

impl<T, E> Kept<Result<T, E>> {
    /// Another attempt follows one that ended with `outcome`.
    pub(crate) fn replace(&mut self, class: Class, outcome: Result<T, E>) {
        if outcome.is_err() && class.kind != Kind::Rejected {
            self.0 = Some((class, outcome));
        }
    }

    /// The failure with which a call ends that ended with `outcome`: a refusal never hides a real failure before it.
    pub(crate) fn last_real(
        &mut self,
        class: Class,
        outcome: Result<T, E>,
        earlier: Earlier,
    ) -> Last<Result<T, E>> {
        match self.0.take() {
            Some((real, before)) if class.kind == Kind::Rejected => {
                Last { class: real, outcome: before, refusal: Some(outcome), refused: true }
            }
            _ => {
                let refused = class.kind == Kind::Rejected && earlier.is_unresolved();
                Last { class, outcome, refusal: None, refused }
            }
        }
    }
}

impl<O> fmt::Debug for Kept<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Kept").field(&self.0.as_ref().map(|(class, _)| class.kind)).finish()
    }
}
