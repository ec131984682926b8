//! Capturing while other threads run the same code. Alone in its process: nothing else may have captured before.

use std::thread;

use buttress_log::test::capture;

fn place() {
    tracing::info!(event = "place.passed", "passed");
}

/// A callsite that a thread without a subscriber passes first is captured here, now and in a later capture.
#[test]
fn another_thread_disables_no_callsite() {
    let logs = capture();
    thread::spawn(place).join().unwrap();
    place();
    logs.assert_one("place.passed");
    drop(logs);
    thread::spawn(place).join().unwrap();
    let logs = capture();
    place();
    logs.assert_one("place.passed");
}
