//! A log line through `init`, as a whole program has it: the global subscriber, with its filter.

use std::io;
use std::sync::OnceLock;

use buttress::log::{Config, FlushGuard, Format};
use tracing::Dispatch;

use super::log::{events, subject, tracing_subscriber};
use crate::case::{BARE, Case, OURS, Subject};
use crate::peers;

pub(super) const CASES: [Case; 2] = [
    Case { name: "log/init-no-span", subjects: || subjects(|| events(0)) },
    Case { name: "log/init-3-spans", subjects: || subjects(|| events(3)) },
];

fn subjects<W: FnMut(u64) + Send + 'static>(make: fn() -> W) -> Vec<Subject> {
    init();
    vec![
        subject(BARE.to_owned(), Dispatch::none(), make),
        Subject::new(OURS, make()),
        subject(peers::tracing_subscriber(), tracing_subscriber(io::sink), make),
    ]
}

/// Sets the global subscriber, once in a process.
fn init() {
    static GUARD: OnceLock<FlushGuard> = OnceLock::new();
    GUARD.get_or_init(|| {
        Config::new().format(Format::Json).writer(io::sink).init().expect("nothing else sets a subscriber")
    });
}
