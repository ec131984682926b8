//! `LastFailure`: the last real failure of a call, while later attempts may be refused.

use std::fmt;

use buttress_error::{Class, Delivery, Kind};

use super::earlier::EarlierAttempts;

/// The latest error that is no rejection by a layer of this stack, and the latest error that itself says its delivery is
/// unknown.
///
/// A failed response is not kept, because its body may hold the connection that the next attempt needs.
pub(super) struct LastFailure<O> {
    latest: Option<KeptError<O>>,
    /// Set only if `latest` does not say that its delivery is unknown.
    unknown: Option<O>,
}

struct KeptError<O> {
    /// Given the attempts before it.
    class: Class,
    /// Whether the error itself says that its delivery is unknown.
    says_unknown: bool,
    outcome: O,
}

/// The failure that ends a call.
pub(super) struct FinalFailure<O> {
    pub(super) class: Class,
    pub(super) outcome: O,
    /// The rejection of a later attempt, if `outcome` is an earlier failure.
    pub(super) refusal: Option<O>,
    /// Whether a layer of this stack rejected a later attempt.
    pub(super) refused: bool,
}

impl<O> LastFailure<O> {
    pub(super) const fn new() -> Self {
        Self { latest: None, unknown: None }
    }

    /// Takes the latest error that itself says its delivery is unknown.
    pub(super) fn take_unknown(&mut self) -> Option<O> {
        let latest = self.latest.take().filter(|kept| kept.says_unknown);
        latest.map(|kept| kept.outcome).or_else(|| self.unknown.take())
    }
}

impl<T, E> LastFailure<Result<T, E>> {
    /// Keeps the outcome of an attempt that is retried, unless it is a response or a rejection. `class` is given the attempts
    /// before it, `delivery` is what the outcome itself says.
    pub(super) fn keep(&mut self, class: &Class, delivery: Delivery, outcome: Result<T, E>) {
        if outcome.is_ok() || class.kind == Kind::Rejected {
            return;
        }
        let says_unknown = delivery == Delivery::Unknown;
        let before = self.latest.replace(KeptError { class: *class, says_unknown, outcome });
        if let Some(before) = before.filter(|kept| kept.says_unknown && !says_unknown) {
            self.unknown = Some(before.outcome);
        }
    }

    /// Returns the failure that ends a call whose last attempt ended with `outcome`. A rejection never hides a real failure
    /// before it.
    pub(super) fn take_final(
        &mut self,
        class: Class,
        outcome: Result<T, E>,
        earlier: EarlierAttempts,
    ) -> FinalFailure<Result<T, E>> {
        let rejected = class.kind == Kind::Rejected;
        match self.latest.take_if(|_| rejected) {
            Some(before) => FinalFailure {
                class: before.class,
                outcome: before.outcome,
                refusal: Some(outcome),
                refused: true,
            },
            None => {
                let refused = rejected && earlier.is_unresolved();
                FinalFailure { class, outcome, refusal: None, refused }
            }
        }
    }
}

impl<O> fmt::Debug for LastFailure<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LastFailure").field(&self.latest.as_ref().map(|kept| kept.class.kind)).finish()
    }
}
