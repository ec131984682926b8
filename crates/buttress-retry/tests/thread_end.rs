//! Waits that are drawn while a thread ends: in the destructors of its locals. A panic there aborts the process.

#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

use std::cell::RefCell;
use std::sync::mpsc;
use std::time::Duration;

use buttress_retry::{Backoff, Jitter};

const SECOND: Duration = Duration::from_secs(1);

fn drawn() -> Duration {
    Backoff::fixed(SECOND).jitter(Jitter::Full).delay(1)
}

/// Draws a wait when its thread local is dropped.
struct AtEnd(mpsc::Sender<Duration>);

impl Drop for AtEnd {
    fn drop(&mut self) {
        self.0.send(drawn()).unwrap();
    }
}

thread_local! {
    static AT_END: RefCell<Option<AtEnd>> = const { RefCell::new(None) };
}

/// Whether the random numbers of that thread were used before or not.
#[test]
fn a_wait_is_drawn_while_a_thread_ends() {
    let (sender, receiver) = mpsc::channel();
    for early in [None, Some(true), Some(false)] {
        let sender = sender.clone();
        let thread = std::thread::spawn(move || {
            if early == Some(true) {
                drawn();
            }
            AT_END.with(|place| *place.borrow_mut() = Some(AtEnd(sender)));
            if early == Some(false) {
                drawn();
            }
        });
        thread.join().expect("no panic while the thread ends");
    }
    drop(sender);
    let waits: Vec<_> = receiver.iter().collect();
    assert_eq!(waits.len(), 3);
    assert!(waits.iter().all(|wait| *wait <= SECOND), "{waits:?}");
}
