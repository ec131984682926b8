//! `Replay`: requests that can be sent again.

use std::sync::Arc;

/// A request that a retry can send again.
///
/// Requests that are only `Clone` need no implementation: the retry layer has a strategy for them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say whether it can be sent again",
    note = "implement `buttress_context::Replay` for it, or give the retry layer a strategy: `.cloning()` or `.replay_with(…)`"
)]
pub trait Replay: Sized {
    /// Returns a copy to send again, or `None` if the request can be sent only once.
    fn replay(&self) -> Option<Self>;

    /// Returns `true` if this copy can still be sent, now that the attempt before it has failed. Default: `true`. A copy of a
    /// streamed body is made before its original is sent, so it can answer only then.
    fn replayable(&self) -> bool {
        true
    }

    /// Returns whether the request is safe to be processed twice, or `None` if the type cannot decide. Then the context
    /// decides, and by default it is not safe.
    fn idempotent(&self) -> Option<bool> {
        None
    }

    /// Returns whether the request has an idempotency key, by which the server recognizes a request that it has already
    /// received. Default: `None`, the type does not know.
    ///
    /// A type that returns `Some` is assumed to support idempotency, even if [`idempotent`](Self::idempotent) leaves the
    /// decision to the context.
    fn has_idempotency_key(&self) -> Option<bool> {
        None
    }
}

macro_rules! by_clone {
    ($($type:ty),+) => {
        $(impl Replay for $type {
            fn replay(&self) -> Option<Self> {
                Some(self.clone())
            }
        })+
    };
}

by_clone!((), bool, char, String, &'static str);
by_clone!(u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize);

impl<T: ?Sized> Replay for Arc<T> {
    fn replay(&self) -> Option<Self> {
        Some(Self::clone(self))
    }
}
