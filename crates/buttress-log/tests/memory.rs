//! The memory that a thread keeps for logging, counted by an allocator with counters for each thread.

#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

use std::io;
use std::thread;

use allocation_counter::measure;
use buttress_log::JsonLayer;
use tracing::{Dispatch, info, info_span};
use tracing_subscriber::prelude::*;

macro_rules! ten {
    ($work:stmt) => {
        $work
        $work
        $work
        $work
        $work
        $work
        $work
        $work
        $work
        $work
    };
}

macro_rules! hundred {
    ($work:stmt) => {
        ten!({
            ten!($work);
        })
    };
}

/// 400 callsites: 300 events, and 100 spans with an event in each.
fn four_hundred_callsites() {
    hundred!({
        info!(customer = 17, amount = 49.99, currency = "EUR", "payment done");
    });
    hundred!({
        info!(order = 4, "order {}", "shipped");
    });
    hundred!({
        let _span = info_span!("request", method = "GET", path = "/orders").entered();
        info!(status = 200, duration_ms = 12.5, "answered");
    });
}

/// Bytes that a new thread keeps after `work`.
fn kept_by_a_thread(dispatch: &Dispatch, work: fn()) -> i64 {
    let measured = || tracing::dispatcher::with_default(dispatch, || measure(work).bytes_current);
    thread::scope(|scope| scope.spawn(measured).join().unwrap())
}

/// At most 32 KiB per thread at 400 callsites.
#[test]
fn a_thread_keeps_little() {
    let dispatch = Dispatch::new(tracing_subscriber::registry().with(JsonLayer::new(io::sink)));
    let first = kept_by_a_thread(&dispatch, four_hundred_callsites);
    let second = kept_by_a_thread(&dispatch, four_hundred_callsites);
    assert!(second <= 32 << 10, "{second} bytes");
    // The first thread also pays for what all threads share. These callsites have few different names.
    assert!(first <= 32 << 10, "{first} bytes");
}

/// A long line makes no thread keep a long buffer.
#[test]
fn a_long_line_is_not_kept() {
    let dispatch = Dispatch::new(tracing_subscriber::registry().with(JsonLayer::new(io::sink)));
    let kept = kept_by_a_thread(&dispatch, || {
        let long = "x".repeat(8_000);
        for _ in 0..3 {
            let _span = info_span!("s", a = long, b = long, c = long).entered();
            info!(d = long, e = long, f = long, error = long, "{long}");
        }
        info!("short");
    });
    assert!(kept <= 32 << 10, "{kept} bytes");
}
