//! A filter affects only the lines that it refuses: neither later lines nor the report of a call.

#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

use std::future::{pending, ready};
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context as TaskContext, Poll, Waker};

use buttress_context::Report;
use buttress_error::{Error, Kind};
use buttress_log::test::{Line, LineBuffer};
use buttress_log::{JsonLayer, LogLayer};
use tower::{Layer, Service, ServiceExt, service_fn};
use tracing::level_filters::LevelFilter;
use tracing::{Level, Subscriber, error, event, info_span, span};
use tracing_subscriber::filter::{Targets, filter_fn};
use tracing_subscriber::prelude::*;

/// Runs one test at a time. As soon as two subscribers differ, `tracing` calls `enabled` before each event, which repairs the state
/// of the filters by chance and hides the faults.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Two layers at a level. The filter of the first has a level of its own for calls.
fn two_filters(level: LevelFilter, calls: LevelFilter) -> (LineBuffer, LineBuffer, impl Subscriber) {
    let refuse = Targets::new().with_default(level).with_target("buttress::call", calls);
    let (some, all) = (LineBuffer::default(), LineBuffer::default());
    let subscriber = tracing_subscriber::registry()
        .with(JsonLayer::new(some.clone()).with_filter(refuse))
        .with(JsonLayer::new(all.clone()).with_filter(level));
    (some, all, subscriber)
}

fn messages(lines: &LineBuffer) -> Vec<String> {
    lines.read().iter().map(|line| line.text("message").unwrap().to_owned()).collect()
}

fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut TaskContext::from_waker(Waker::noop()))
}

/// A call that logs by itself: by `error!`, by `event!`, in a span.
fn call(layer: &LogLayer) {
    let service = layer.layer(service_fn(|_: ()| {
        error!("in call");
        async {
            event!(Level::ERROR, "in a poll");
            span!(Level::ERROR, "span", in_span = 1).in_scope(|| error!("in a span"));
            Ok::<_, Error>(())
        }
    }));
    assert!(poll_once(service.oneshot(())).is_ready());
}

/// The program's own lines, without those of the layer.
fn own(lines: &LineBuffer) -> Vec<String> {
    messages(lines).into_iter().filter(|text| !text.starts_with("call ")).collect()
}

const LEVELS: [LevelFilter; 5] =
    [LevelFilter::ERROR, LevelFilter::WARN, LevelFilter::INFO, LevelFilter::DEBUG, LevelFilter::TRACE];

/// `Subscriber::enabled` without an event after it, with one filter that refuses and one that accepts, would lose the next line
/// that both accept. The layer must not call it.
#[test]
fn a_call_loses_no_line_after_it() {
    let _alone = alone();
    for level in LEVELS {
        for layer in
            [LogLayer::new("x"), LogLayer::new("x").end_only(), LogLayer::for_client("x"), LogLayer::off()]
        {
            let (some, all, subscriber) = two_filters(level, LevelFilter::OFF);
            tracing::subscriber::with_default(subscriber, || {
                call(&layer);
                error!("after");
                call(&layer);
                let _span = span!(Level::ERROR, "span", in_span = 2).entered();
                event!(Level::ERROR, "after that");
            });
            let calls = ["in call", "in a poll", "in a span"];
            let expected = [&calls[..], &["after"], &calls, &["after that"]].concat();
            for lines in [some, all] {
                assert_eq!(own(&lines), expected, "{level} {layer:?}");
                let in_span = |line: &Line| line.get("in_span").map(str::to_owned);
                let spans: Vec<_> = lines.read().iter().filter_map(in_span).collect();
                assert!(
                    spans.starts_with(&["1".to_owned()]) && spans.ends_with(&["2".to_owned()]),
                    "{spans:?}"
                );
            }
        }
    }
}

/// The same where a call is dropped, fails, or ends before its service is ready, at every level of either filter.
#[test]
fn no_end_of_a_call_loses_a_line() {
    let _alone = alone();
    let refusals = [LevelFilter::OFF, LevelFilter::ERROR, LevelFilter::WARN, LevelFilter::INFO];
    for (level, calls) in LEVELS.into_iter().flat_map(|level| refusals.map(|calls| (level, calls))) {
        let (some, all, subscriber) = two_filters(level, calls);
        tracing::subscriber::with_default(subscriber, || {
            let layer = LogLayer::new("x").end_only();
            drop(layer.layer(service_fn(|_: ()| pending::<Result<(), Error>>())).call(()));
            error!("dropped");
            for kind in [Kind::NotFound, Kind::Timeout, Kind::Internal] {
                let failing =
                    layer.layer(service_fn(move |_: ()| ready(Err::<(), _>(Error::new(kind, "x")))));
                assert!(poll_once(failing.oneshot(())).is_ready());
                error!("failed");
            }
            let mut unready = layer.layer(NeverReady(Kind::Unavailable));
            assert!(poll_once(unready.ready()).is_ready());
            error!("not ready");
        });
        let expected = ["dropped", "failed", "failed", "failed", "not ready"];
        assert_eq!(
            (own(&some), own(&all)),
            (expected.map(Into::into).into(), expected.map(Into::into).into())
        );
    }
}

/// The same with a filter by a closure, which `tracing` calls each time.
#[test]
fn a_dynamic_filter_loses_no_line() {
    let _alone = alone();
    let (some, all) = (LineBuffer::default(), LineBuffer::default());
    let no_calls = filter_fn(|metadata| metadata.target() != "buttress::call");
    let subscriber = tracing_subscriber::registry()
        .with(JsonLayer::new(some.clone()).with_filter(no_calls))
        .with(JsonLayer::new(all.clone()).with_filter(LevelFilter::INFO));
    tracing::subscriber::with_default(subscriber, || {
        let _span = info_span!("s").entered();
        for _ in 0..3 {
            call(&LogLayer::for_client("x"));
        }
    });
    assert_eq!((own(&some).len(), own(&all)), (9, own(&some)));
}

/// Fails to become ready.
#[derive(Clone)]
struct NeverReady(Kind);

impl Service<()> for NeverReady {
    type Response = ();
    type Error = Error;
    type Future = std::future::Ready<Result<(), Error>>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Err(Error::new(self.0, "not ready")))
    }

    fn call(&mut self, (): ()) -> Self::Future {
        unreachable!("it is never ready")
    }
}

/// The report of a call ends at the layer with and without a subscriber, and with any filter.
#[test]
fn the_report_of_a_call_does_not_depend_on_the_filter() {
    let _alone = alone();
    let reported = || {
        let mut seen = Vec::new();
        for layer in [LogLayer::new("x"), LogLayer::new("x").end_only(), LogLayer::off()] {
            let inner = service_fn(|_: ()| {
                Report::write(|report| report.attempts = 3);
                ready(Ok::<_, Error>(()))
            });
            let Poll::Ready((_, report)) = poll_once(Report::of(layer.layer(inner).oneshot(()))) else {
                panic!("it is ready at once")
            };
            seen.push((report.attempts, report.stopped, report.last.is_some()));
        }
        seen
    };
    let expected = vec![(0, None, false); 3];
    assert_eq!(reported(), expected, "no subscriber");
    for filter in [LevelFilter::OFF, LevelFilter::ERROR, LevelFilter::INFO, LevelFilter::TRACE] {
        let lines = LineBuffer::default();
        let globally = tracing_subscriber::registry().with(JsonLayer::new(lines.clone())).with(filter);
        assert_eq!(tracing::subscriber::with_default(globally, reported), expected, "{filter}");
        let (_, _, subscriber) = two_filters(LevelFilter::INFO, filter);
        assert_eq!(tracing::subscriber::with_default(subscriber, reported), expected, "{filter} by layer");
    }
}
