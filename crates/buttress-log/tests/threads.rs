//! Capturing while other threads pass the same lines of code. Alone in its process: nothing else may have captured.

use std::thread;

use buttress_log::test::capture;

fn place() {
    tracing::info!(event = "place.passed", "passed");
}

/// A place that another thread, where nobody listens, comes by first is still heard here, now and in a later capture.
#[test]
fn another_thread_silences_nobody() {
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
