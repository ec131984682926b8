//! `FirstAttempt`: how the first attempt of a call runs.

/// How the first attempt of a call runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FirstAttempt {
    /// In the caller's context. No retry can follow.
    Only,
    /// In the caller's context. A retry may follow.
    Retryable,
    /// In a context of its own, because the caller's context carries another policy, or because inner retries must not
    /// retry.
    Scoped,
}
