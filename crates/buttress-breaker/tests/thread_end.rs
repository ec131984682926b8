//! Calls that are made while a thread ends: in the destructors of its locals. A panic there aborts the process.

use std::cell::RefCell;

use buttress_breaker::Breaker;
use buttress_error::{Error, Kind};

/// Calls until the circuit opens, and once more.
struct AtEnd(Breaker);

impl Drop for AtEnd {
    fn drop(&mut self) {
        for _ in 0..5 {
            let failed = self.0.call_blocking(|| Err::<(), _>(Error::new(Kind::Unavailable, "down")));
            assert!(failed.is_err());
        }
        assert!(self.0.admit().is_err(), "open");
    }
}

thread_local! {
    static AT_END: RefCell<Option<AtEnd>> = const { RefCell::new(None) };
}

/// Whether the breaker's locals of that thread were made before its own, after, or never.
#[test]
fn a_breaker_opens_while_a_thread_ends() {
    for early in [None, Some(true), Some(false)] {
        let breaker = Breaker::builder("db").consecutive_failures(5).build().unwrap();
        let of_thread = breaker.clone();
        let thread = std::thread::spawn(move || {
            let succeed = || of_thread.call_blocking(|| Ok::<_, Error>(())).unwrap();
            if early == Some(true) {
                succeed();
            }
            AT_END.with(|place| *place.borrow_mut() = Some(AtEnd(of_thread.clone())));
            if early == Some(false) {
                succeed();
            }
        });
        thread.join().expect("no panic while the thread ends");
        assert!(breaker.state().is_open(), "{early:?}");
        assert_eq!(breaker.stats().rejected, 1, "{early:?}");
    }
}
