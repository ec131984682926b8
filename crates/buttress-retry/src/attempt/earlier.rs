//! `Earlier`: what the earlier attempts of a call leave open. A plain value.

use buttress_error::{Class, Delivery, Kind, RetryAdvice};

/// Whether an earlier attempt of the call may have taken effect although nobody got its answer.
///
/// Begins with the first failure, so a call that succeeds at once has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Earlier {
    unresolved: bool,
}

impl Earlier {
    pub(crate) const fn new() -> Self {
        Self { unresolved: false }
    }

    /// May an earlier attempt have taken effect?
    pub(crate) const fn is_unresolved(self) -> bool {
        self.unresolved
    }

    /// The class of the latest failure in the light of the earlier attempts. `keyed`: does the request carry an
    /// idempotency key? `None` where the request type does not say.
    ///
    /// No later answer proves that an unresolved attempt did nothing. A conflict over the same idempotency key then
    /// means that the attempt is still running (draft-ietf-httpapi-idempotency-key-header, section 2.6): a retry may get
    /// its answer, where a new operation could do the work twice.
    pub(crate) const fn read(self, class: &Class, keyed: Option<bool>) -> Class {
        // A conflict of unknown delivery was read like this by a retry layer closer to the dependency.
        let unresolved = self.unresolved || matches!(class.delivery, Delivery::Unknown);
        if unresolved && in_progress(class, keyed) {
            return class.after_unknown().retry(RetryAdvice::Call);
        }
        if self.unresolved { class.after_unknown() } else { *class }
    }

    /// Another attempt follows one that failed with `class`.
    pub(crate) fn record(&mut self, class: &Class) {
        self.unresolved |= class.delivery == Delivery::Unknown;
    }
}

/// Is it the answer to an idempotency key that is in use?
const fn in_progress(class: &Class, keyed: Option<bool>) -> bool {
    match keyed {
        Some(true) => class.in_progress || matches!(class.kind, Kind::Aborted | Kind::AlreadyExists),
        Some(false) => false,
        None => class.in_progress,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(kind: Kind) -> Earlier {
        let mut earlier = Earlier::new();
        earlier.record(&kind.into());
        earlier
    }

    /// Only an attempt of unknown delivery leaves anything open, and it stays open.
    #[test]
    fn what_stays_open() {
        assert!(!after(Kind::Throttled).is_unresolved() && !after(Kind::NotFound).is_unresolved());
        let mut earlier = after(Kind::Timeout);
        earlier.record(&Class::new(Kind::Unavailable).delivery(Delivery::NotProcessed));
        assert!(earlier.is_unresolved());
    }

    /// [S12] No answer of any kind after an unresolved attempt is definite, and none advises a new operation.
    #[test]
    fn no_later_answer_is_definite() {
        for kind in Kind::ALL {
            let class = Class::new(kind);
            let read = after(Kind::Unavailable).read(&class, Some(false));
            assert_eq!((read.kind, read.delivery), (kind, Delivery::Unknown));
            assert_ne!(read.retry, RetryAdvice::Operation);
            assert_eq!(after(Kind::Throttled).read(&class, Some(true)), class, "nothing is open");
        }
    }

    /// [S12] A conflict over the key is repeated after an unresolved attempt only, and only where there is a key.
    #[test]
    fn a_conflict_over_the_key() {
        let conflict = Class::new(Kind::FailedPrecondition).in_progress();
        for (class, keyed, repeated) in [
            (conflict, Some(true), true),
            (conflict, None, true),
            (conflict, Some(false), false),
            (Class::new(Kind::Aborted), Some(true), true),
            (Class::new(Kind::AlreadyExists), Some(true), true),
            (Class::new(Kind::Aborted), None, false),
            (Class::new(Kind::NotFound), Some(true), false),
            (Class::new(Kind::InvalidArgument), Some(true), false),
        ] {
            let read = after(Kind::Timeout).read(&class, keyed);
            assert_eq!(read.retry == RetryAdvice::Call, repeated, "{class:?} {keyed:?}");
            assert_eq!(Earlier::new().read(&class, keyed), class, "the first attempt");
        }
        let stamped = conflict.after_unknown();
        assert_eq!(Earlier::new().read(&stamped, Some(true)).retry, RetryAdvice::Call, "by an inner retry");
    }
}
