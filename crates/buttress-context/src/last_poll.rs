//! `LastPoll`: the poll after which a timeout drops its work.

use std::cell::Cell;

thread_local! {
    static CURRENT: Cell<bool> = const { Cell::new(false) };
}

/// The poll of a future whose time is up, just before a timeout layer drops it.
///
/// A future that has an outcome already, and only collects details of it, can end with what it has: the excerpt of an error
/// body is cut short rather than the status lost.
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
    /// Runs `poll`, which polls the work for the last time. For timeout layers, and in tests.
    pub fn run<T>(poll: impl FnOnce() -> T) -> T {
        let _reset = Reset(CURRENT.replace(true));
        poll()
    }

    /// Returns `true` inside of [`run`](Self::run): if this poll is pending, the future is dropped next.
    #[must_use]
    pub fn is_current() -> bool {
        CURRENT.get()
    }
}

/// Also where the poll panics.
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
