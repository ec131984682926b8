//! Sampling and the limit of bytes, with their summaries.

#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

mod kit;

use std::num::NonZeroU64;
use std::thread;
use std::time::Duration;

use buttress_log::test::{Line, LineBuffer};
use buttress_log::{JsonLayer, Sampling};
use tracing::{Level, debug, error, info, warn};
use tracing_subscriber::prelude::*;

const LONG: Duration = Duration::from_secs(3_600);

fn messages(lines: &[serde_json::Value]) -> Vec<&str> {
    lines.iter().map(|line| line["message"].as_str().unwrap()).collect()
}

/// Waits for the summaries of the timer's thread, while the subscriber lives.
fn summaries(lines: &LineBuffer, count: usize) -> Vec<Line> {
    let start = tokio::time::Instant::now();
    loop {
        let found: Vec<_> =
            lines.read().into_iter().filter(|line| line.is("event", "log.suppressed")).collect();
        if found.len() >= count {
            return found;
        }
        assert!(start.elapsed() < Duration::from_secs(30), "no summary");
        thread::sleep(Duration::from_millis(1));
    }
}

/// The first records of a callsite and every M-th are logged, for each value of the key; ERROR is exempt.
#[test]
fn each_callsite_and_key_has_its_own_count() {
    let sampling = Sampling::new(LONG, 2, 3).key("customer");
    let lines = kit::log_with(
        |layer| layer.sampling(sampling),
        || {
            for number in 1..=9 {
                info!(number, customer = "ann", "paid");
                info!(number, "no customer");
            }
            info!(customer = %"ann", "another callsite");
            (0..5).for_each(|_| error!(customer = "ann", "failed"));
            for customer in [1, 2, 1, 2, 1, 2] {
                warn!(customer, "refused");
            }
        },
    );
    let numbers = |message: &str| -> Vec<i64> {
        lines.iter().filter(|l| l["message"] == message).map(|l| l["number"].as_i64().unwrap()).collect()
    };
    assert_eq!((numbers("paid"), numbers("no customer")), (vec![1, 2, 5, 8], vec![1, 2, 5, 8]));
    assert_eq!(messages(&lines)[8..], [&["another callsite"][..], &["failed"; 5], &["refused"; 4]].concat());
}

/// A sampling by level and target leaves other records alone; the first that matches decides.
#[test]
fn samplings_match_by_level_and_target() {
    let lines = kit::log_with(
        |layer| {
            let quiet = Sampling::new(LONG, 0, 0).target("quiet").max_severity(Level::DEBUG);
            layer.sampling(quiet).sampling(Sampling::new(LONG, 1, 0).target("quiet"))
        },
        || {
            for _ in 0..2 {
                debug!(target: "quiet::inner", "debug");
                info!(target: "quiet", "info");
                info!(target: "quieter", "other");
            }
        },
    );
    assert_eq!(messages(&lines), ["info", "other", "other"]);
}

/// A timer emits the summary at the end of the period, without a further record, in the subscriber of the layer.
#[test]
fn a_summary_comes_without_a_further_record() {
    drop(buttress_log::test::capture());
    let lines = LineBuffer::default();
    let layer = JsonLayer::new(lines.clone())
        .sampling(Sampling::new(Duration::from_millis(20), 1, 0).key("customer"));
    let losses = layer.losses();
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(subscriber, || {
        (0..100).for_each(|_| info!(customer = "ann with a long name, longer than the label", "paid"));
        let summary = summaries(&lines, 1).remove(0);
        let suppressed: u64 = summary.get("suppressed").unwrap().parse().unwrap();
        let logged = lines.read().iter().filter(|line| line.is("message", "paid")).count() as u64;
        assert!(suppressed > 0 && logged > 0);
        summary
            .field("level", "WARN")
            .field("target", "buttress::log")
            .field("reason", "sampling")
            .field("of_target", "volume")
            .field("of_level", "INFO")
            .field("key", "customer")
            .field("value", "ann with a long name, longer tha");
        assert_eq!(losses.suppressed() + logged, 100);
    });
}

/// A secret key is not in the summary.
#[test]
fn a_summary_has_no_secret() {
    drop(buttress_log::test::capture());
    let lines = LineBuffer::default();
    let layer = JsonLayer::new(lines.clone())
        .sampling(Sampling::new(Duration::from_millis(20), 0, 0).key("password"));
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        info!(password = "hunter2", "paid");
        summaries(&lines, 1).remove(0).field("value", "[redacted]");
    });
}

/// Beyond its bytes per second a layer drops lines and counts them. ERROR lines pass.
#[test]
fn the_bytes_of_a_second_are_limited() {
    drop(buttress_log::test::capture());
    let lines = LineBuffer::default();
    let layer = JsonLayer::new(lines.clone()).bytes_per_second(NonZeroU64::new(2_000).unwrap());
    let losses = layer.losses();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        (0..500).for_each(|_| info!("paid"));
        (0..100).for_each(|_| error!("failed"));
        let bytes = lines.bytes().len();
        let read = lines.read();
        assert_eq!(read.iter().filter(|line| line.is("message", "failed")).count(), 100);
        let paid = read.iter().filter(|line| line.is("message", "paid")).count();
        assert!((10..60).contains(&paid), "{paid} in {bytes} bytes");
        assert_eq!(losses.suppressed(), 500 - paid as u64);
        let summary = summaries(&lines, 1).remove(0).field("reason", "bytes_per_second");
        assert_eq!(summary.get("suppressed").unwrap(), (500 - paid).to_string());
        assert!(summary.get("bytes").unwrap().parse::<usize>().unwrap() > 0);
    });
}

/// A value whose `Debug` panics or logs harms nothing.
#[test]
fn a_hostile_key_harms_nothing() {
    let lines = kit::log_with(
        |layer| layer.sampling(Sampling::new(LONG, 1, 0).key("value")),
        || {
            for _ in 0..3 {
                info!(value = ?kit::Hostile::Panics, "hostile");
                info!(value = ?kit::Hostile::Fails, "fails");
            }
        },
    );
    assert_eq!(messages(&lines), ["hostile", "fails"]);
}

/// Threads at once: each record is logged or counted.
#[test]
fn no_record_is_lost_between_threads() {
    drop(buttress_log::test::capture());
    let lines = LineBuffer::default();
    let layer = JsonLayer::new(lines.clone())
        .sampling(Sampling::new(Duration::from_millis(15), 2, 7).key("thread").max_keys(3));
    let losses = layer.losses();
    let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(layer));
    thread::scope(|scope| {
        for number in 0..6 {
            let dispatch = dispatch.clone();
            scope.spawn(move || {
                tracing::dispatcher::with_default(&dispatch, || {
                    (0..2_000).for_each(|_| info!(thread = number, "busy"));
                });
            });
        }
    });
    let logged = lines.read().iter().filter(|line| line.is("message", "busy")).count() as u64;
    assert_eq!(logged + losses.suppressed(), 12_000);
    let start = tokio::time::Instant::now();
    let summarized = || -> u64 {
        let all = lines.read();
        let all = all.iter().filter(|line| line.is("event", "log.suppressed"));
        all.map(|line| line.get("suppressed").unwrap().parse::<u64>().unwrap()).sum()
    };
    while summarized() < losses.suppressed() {
        assert!(start.elapsed() < Duration::from_secs(30), "{} {}", summarized(), losses.suppressed());
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(summarized(), losses.suppressed(), "each suppressed record is in one summary");
}
