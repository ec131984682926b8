//! Two threads on one closed breaker, beside one thread alone and two threads with a breaker each.
//!
//! The last row is what the machine can do: about 2.0 when it is quiet. Read the others against it.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use buttress::breaker::Window;
use buttress::{Breaker, BreakerLayer};
use failsafe::backoff::constant;
use failsafe::failure_policy::consecutive_failures;
use failsafe::{CircuitBreaker, Config};
use recloser::Recloser;
use tower::Layer;

use super::{bare, breaker, breaker_bare};
use crate::case::{APART, BARE, Case, OURS, Subject};
use crate::drive::{Ends, calls};
use crate::peers;
use crate::service::{self, Failure};

pub(super) const CASES: [Case; 2] = [
    Case {
        name: "threads/breaker",
        subjects: || bare_service().chain(windows(ours)).chain(tower_resilience()).collect(),
    },
    Case {
        name: "threads/breaker-bare",
        subjects: || windows(ours_bare).chain(failsafe()).chain(recloser()).collect(),
    },
];

/// The end of a subject's name, and its breaker.
type Variant = (&'static str, fn() -> Breaker);

/// `rows` for each kind of window, the first under our plain name, and for each of a breaker that is kept for ever.
fn windows<I: Iterator<Item = Subject>>(
    rows: fn(String, fn() -> Breaker) -> I,
) -> impl Iterator<Item = Subject> {
    let plain: [Variant; 3] = [("", count), ("/time", time), ("/consecutive", consecutive)];
    let leaked: [Variant; 3] = [
        ("/leaked", || count().leak()),
        ("/leaked-time", || time().leak()),
        ("/leaked-consecutive", || consecutive().leak()),
    ];
    plain
        .into_iter()
        .chain(leaked)
        .flat_map(move |(variant, breaker)| rows(format!("{OURS}{variant}"), breaker))
}

fn count() -> Breaker {
    breaker::breaker(Window::count(100))
}

fn time() -> Breaker {
    breaker::breaker(Window::time(Duration::from_secs(10)))
}

fn consecutive() -> Breaker {
    breaker::breaker(Window::consecutive(5))
}

/// Each thread has a clone of the service.
fn ours(name: String, breaker: fn() -> Breaker) -> impl Iterator<Item = Subject> {
    rows(name, move || {
        let service = BreakerLayer::new(breaker()).layer(service::prompt());
        move || calls(service.clone(), Ends::Well)
    })
}

/// Each thread has a clone of the handle.
fn ours_bare(name: String, breaker: fn() -> Breaker) -> impl Iterator<Item = Subject> {
    rows(name, move || {
        let breaker = breaker();
        move || {
            let breaker = breaker.clone();
            move |n| (0..n).for_each(|request| drop(black_box(breaker_bare::guarded(&breaker, request))))
        }
    })
}

/// Three rows of one name. `breaker` makes a breaker, and gives work on it to each thread that asks.
fn rows<B, W>(name: String, breaker: impl Fn() -> B) -> impl Iterator<Item = Subject>
where
    B: Fn() -> W,
    W: FnMut(u64) + Send + 'static,
{
    let apart = format!("{name}{APART}");
    let alone = Subject::new(name.clone(), breaker()());
    [alone, Subject::pair(name, breaker()), Subject::pair(apart, || breaker()())].into_iter()
}

fn bare_service() -> impl Iterator<Item = Subject> {
    let apart = Subject::pair(format!("{BARE}{APART}"), || calls(service::prompt(), Ends::Well));
    [bare(), apart].into_iter()
}

/// A count window of 100; each thread has a clone of the service.
fn tower_resilience() -> impl Iterator<Item = Subject> {
    rows(peers::tower_resilience(), || {
        let layer = breaker::tower_resilience().sliding_window_size(100).build().expect("valid settings");
        let service = layer.layer(service::prompt());
        move || calls(service.clone(), Ends::Well)
    })
}

fn work(request: u64) -> Result<u64, Failure> {
    Ok(black_box(request))
}

/// Five failures in a row.
fn failsafe() -> impl Iterator<Item = Subject> {
    rows(peers::failsafe(), || {
        let policy = consecutive_failures(5, constant(Duration::from_secs(30)));
        let breaker = Config::new().failure_policy(policy).build();
        move || {
            let breaker = breaker.clone();
            move |n| (0..n).for_each(|request| drop(black_box(breaker.call(|| work(request)))))
        }
    })
}

/// A count window of 100.
fn recloser() -> impl Iterator<Item = Subject> {
    rows(peers::recloser(), || {
        let breaker = Arc::new(Recloser::custom().error_rate(0.5).closed_len(100).build());
        move || {
            let breaker = Arc::clone(&breaker);
            move |n| (0..n).for_each(|request| drop(black_box(breaker.call(|| work(request)))))
        }
    })
}
