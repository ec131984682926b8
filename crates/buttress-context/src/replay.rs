//! `Replay`: requests that can be sent again.

use std::sync::Arc;

/// A request that may be sent again, if it can be.
///
/// For types that are `Clone` and say nothing of idempotency, a retry layer has a strategy that needs no impl of this.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say whether it can be sent again",
    note = "implement `buttress_context::Replay` for it, or give the retry layer a strategy: `.cloning()` or `.repeat_with(…)`"
)]
pub trait Replay: Sized {
    /// A copy to send again; none if it can be sent only once.
    fn replay(&self) -> Option<Self>;

    /// Asked of a copy, when the attempt before it has failed: can it still be sent? Default: yes. A copy that is made
    /// before its original is sent, as the body of a stream is, knows only then.
    fn replayable(&self) -> bool {
        true
    }

    /// Is it safe to be processed twice? None where the type cannot know; then the context decides, and without its
    /// word it is not.
    fn idempotent(&self) -> Option<bool> {
        None
    }

    /// Does it carry an idempotency key, by which the server recognizes a request that it has seen? Default: `None`, the
    /// type does not say.
    ///
    /// A type that answers is taken to know about idempotency, also where [`idempotent`](Self::idempotent) leaves the
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
