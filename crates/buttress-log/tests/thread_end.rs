//! Lines that are written while a thread ends: in the destructors of its locals. A panic there aborts the process.

#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

mod kit;

use std::cell::RefCell;

use buttress_context::Context;
use buttress_error::{Error, Kind};
use buttress_log::JsonLayer;
use buttress_log::test::LineBuffer;
use tracing::Dispatch;
use tracing_subscriber::prelude::*;

fn log_a_line(dispatch: &Dispatch) {
    tracing::dispatcher::with_default(dispatch, || {
        Context::current().with_ids().with_field("tenant", "acme").run(|| {
            let error = Error::new(Kind::Unavailable, "down");
            tracing::error!(error = &error as &dyn std::error::Error, "no answer");
        });
    });
}

/// Logs a line when its thread local is dropped.
struct AtEnd(Dispatch);

impl Drop for AtEnd {
    fn drop(&mut self) {
        log_a_line(&self.0);
    }
}

thread_local! {
    static AT_END: RefCell<Option<AtEnd>> = const { RefCell::new(None) };
}

/// Where the locals of `tracing` are gone first, the line is lost.
#[test]
fn a_line_is_logged_while_a_thread_ends() {
    let log = |early: Option<bool>| {
        let lines = LineBuffer::default();
        let dispatch = Dispatch::new(tracing_subscriber::registry().with(JsonLayer::new(lines.clone())));
        let thread = std::thread::spawn(move || {
            if early == Some(true) {
                log_a_line(&dispatch);
            }
            AT_END.with(|place| *place.borrow_mut() = Some(AtEnd(dispatch.clone())));
            if early == Some(false) {
                log_a_line(&dispatch);
            }
        });
        thread.join().expect("no panic while the thread ends");
        kit::parse(&lines.bytes()).len()
    };
    let counts = [None, Some(true), Some(false)].map(log);
    assert!(counts[0] <= 1 && counts[1] >= 1 && counts[2] >= 1, "{counts:?}");
    assert!(counts.contains(&2) || counts[0] == 1, "no line was logged at the end of a thread: {counts:?}");
}
