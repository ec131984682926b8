//! `LastPoll`: marks the poll after which a timeout drops its inner future.

use std::cell::Cell;

thread_local! {
    static CURRENT: Cell<bool> = const { Cell::new(false) };
}

/// Marks the last poll of a future whose time is up, before a timeout layer drops it.
///
/// A future that already has an outcome, and is only collecting details, can return it at this poll. A client that reads the
/// body of an error response then returns the status with a part of the body, instead of losing both.
///
/// ```
/// use buttress_context::LastPoll;
///
/// assert!(!LastPoll::is_current());
/// assert!(LastPoll::run(LastPoll::is_current));
/// assert!(!LastPoll::is_current());
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum LastPoll {}

impl LastPoll {
    /// Runs `poll`, which polls the future for the last time. For timeout layers, and in tests.
    pub fn run<T>(poll: impl FnOnce() -> T) -> T {
        let _reset = Reset(CURRENT.replace(true));
        poll()
    }

    /// Returns `true` inside [`run`](Self::run): if this poll is pending, the future is dropped next.
    #[must_use]
    pub fn is_current() -> bool {
        CURRENT.get()
    }
}

/// Restores the flag, even if the poll panics.
struct Reset(bool);

impl Drop for Reset {
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[test]
    fn a_last_poll_ends_with_its_closure() {
        LastPoll::run(|| {
            LastPoll::run(|| ());
            assert!(LastPoll::is_current(), "a nested one ends alone");
        });
        assert!(catch_unwind(AssertUnwindSafe(|| LastPoll::run(|| panic!("a bug")))).is_err());
        assert!(!LastPoll::is_current());
    }
}
