//! `EarlierAttempts`: whether an earlier attempt of a call may have taken effect.

use buttress_error::{Class, Delivery, Kind, RetryAdvice};

/// Whether an earlier attempt of the call may have taken effect although its response was lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct EarlierAttempts {
    unresolved: bool,
}

impl EarlierAttempts {
    pub(super) const fn new() -> Self {
        Self { unresolved: false }
    }

    /// Returns `true` if an earlier attempt may have taken effect.
    pub(super) const fn is_unresolved(self) -> bool {
        self.unresolved
    }

    /// Returns the class of the latest failure, given the earlier attempts. `has_key` is whether the request carries an
    /// idempotency key, or `None` if the request type does not say.
    ///
    /// No later response proves that an unresolved attempt had no effect. After one, a conflict over the same idempotency
    /// key means that the attempt is still running (draft-ietf-httpapi-idempotency-key-header, section 2.6). A retry may
    /// then get its response, whereas a new operation could do the work twice.
    pub(super) const fn classify(self, class: &Class, has_key: Option<bool>) -> Class {
        // An inner retry layer has already classified a conflict of unknown delivery like this.
        let unresolved = self.unresolved || matches!(class.delivery, Delivery::Unknown);
        if unresolved && key_in_use(class, has_key) {
            return class.after_unknown().retry(RetryAdvice::Call);
        }
        if self.unresolved { class.after_unknown() } else { *class }
    }

    /// Records an attempt that failed with `class` and is retried.
    pub(super) fn record(&mut self, class: &Class) {
        self.unresolved |= class.delivery == Delivery::Unknown;
    }
}

/// Returns `true` if the failure says that the idempotency key is in use.
const fn key_in_use(class: &Class, has_key: Option<bool>) -> bool {
    match has_key {
        Some(true) => class.in_progress || matches!(class.kind, Kind::Aborted | Kind::AlreadyExists),
        Some(false) => false,
        None => class.in_progress,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(kind: Kind) -> EarlierAttempts {
        let mut earlier = EarlierAttempts::new();
        earlier.record(&kind.into());
        earlier
    }

    /// Only an attempt of unknown delivery is unresolved, and the call stays unresolved.
    #[test]
    fn an_unknown_delivery_stays_unresolved() {
        assert!(!after(Kind::Throttled).is_unresolved() && !after(Kind::NotFound).is_unresolved());
        let mut earlier = after(Kind::Timeout);
        earlier.record(&Class::new(Kind::Unavailable).delivery(Delivery::NotProcessed));
        assert!(earlier.is_unresolved());
    }

    /// [S12] No failure of any kind after an unresolved attempt is definite, and none advises a new operation.
    #[test]
    fn no_later_failure_is_definite() {
        for kind in Kind::ALL {
            let class = Class::new(kind);
            let read = after(Kind::Unavailable).classify(&class, Some(false));
            assert_eq!((read.kind, read.delivery), (kind, Delivery::Unknown));
            assert_ne!(read.retry, RetryAdvice::Operation);
            assert_eq!(after(Kind::Throttled).classify(&class, Some(true)), class, "nothing is unresolved");
        }
    }

    /// [S12] A conflict over the key is retried only after an unresolved attempt, and only if there is a key.
    #[test]
    fn a_conflict_over_the_key() {
        let conflict = Class::new(Kind::FailedPrecondition).in_progress();
        for (class, has_key, retried) in [
            (conflict, Some(true), true),
            (conflict, None, true),
            (conflict, Some(false), false),
            (Class::new(Kind::Aborted), Some(true), true),
            (Class::new(Kind::AlreadyExists), Some(true), true),
            (Class::new(Kind::Aborted), None, false),
            (Class::new(Kind::NotFound), Some(true), false),
            (Class::new(Kind::InvalidArgument), Some(true), false),
        ] {
            let read = after(Kind::Timeout).classify(&class, has_key);
            assert_eq!(read.retry == RetryAdvice::Call, retried, "{class:?} {has_key:?}");
            assert_eq!(EarlierAttempts::new().classify(&class, has_key), class, "the first attempt");
        }
        let stamped = conflict.after_unknown();
        assert_eq!(
            EarlierAttempts::new().classify(&stamped, Some(true)).retry,
            RetryAdvice::Call,
            "classified by an inner retry"
        );
    }
}
