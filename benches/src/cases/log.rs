//! One log line as JSON into a sink: five fields, inside of none to five spans.

use std::error::Error;
use std::fmt;
use std::hint::black_box;
use std::io;

use buttress::log::JsonLayer;
use tracing::dispatcher::with_default;
use tracing::field::Empty;
use tracing::{Dispatch, Span, error, info, info_span};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Registry, fmt as ts};

use crate::case::{BARE, Case, OURS, Subject};
use crate::peers;

pub(super) const CASES: [Case; 7] = [
    Case { name: "log/no-span", subjects: || subjects(|| events(0)) },
    Case { name: "log/1-span", subjects: || subjects(|| events(1)) },
    Case { name: "log/3-spans", subjects: || subjects(|| events(3)) },
    Case { name: "log/5-spans", subjects: || subjects(|| events(5)) },
    Case { name: "log/span-and-event", subjects: || subjects(|| spans_and_events) },
    Case { name: "log/late-record", subjects: || subjects(|| late_records) },
    Case { name: "log/error-chain", subjects: || subjects(errors) },
];

/// Every subscriber with the work that `make` returns; `make` runs under that subscriber. `bare` has none.
///
/// They are the default of this thread while they work, not of the process, which costs each the same few nanoseconds.
fn subjects<W: FnMut(u64) + Send + 'static>(make: fn() -> W) -> Vec<Subject> {
    let subject = |name, dispatch| subject(name, dispatch, make);
    vec![
        subject(BARE.to_owned(), Dispatch::none()),
        subject(OURS.to_owned(), ours(io::sink)),
        subject(peers::tracing_subscriber(), tracing_subscriber(io::sink)),
        subject(format!("{}/defaults", peers::tracing_subscriber()), tracing_subscriber_defaults(io::sink)),
        subject(peers::json_subscriber(), json_subscriber(io::sink)),
        subject(format!("{}/root-spans", peers::json_subscriber()), json_subscriber_root_spans(io::sink)),
    ]
}

/// The work that `make` returns, with `dispatch` as the default of its thread.
pub(super) fn subject<W: FnMut(u64) + Send + 'static>(
    name: String,
    dispatch: Dispatch,
    make: fn() -> W,
) -> Subject {
    let mut work = Under { work: Some(with_default(&dispatch, make)), dispatch };
    Subject::new(name, move |n| work.run(n))
}

/// Work with a subscriber of its own. Spans have to be dropped under it as well: a registry closes a parent in whatever
/// subscriber is the current one.
struct Under<W> {
    dispatch: Dispatch,
    work: Option<W>,
}

impl<W: FnMut(u64)> Under<W> {
    fn run(&mut self, n: u64) {
        let Self { dispatch, work } = self;
        with_default(dispatch, || work.iter_mut().for_each(|work| work(n)));
    }
}

impl<W> Drop for Under<W> {
    fn drop(&mut self) {
        let Self { dispatch, work } = self;
        with_default(dispatch, || drop(work.take()));
    }
}

/// Event and span fields at the root, each key once; secrets redacted; the causes of errors.
fn ours<W>(writer: W) -> Dispatch
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    Dispatch::new(Registry::default().with(JsonLayer::new(writer)))
}

/// Event fields at the root, the span list once: the nearest it has to span fields at the root.
pub(super) fn tracing_subscriber<W>(writer: W) -> Dispatch
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let layer = ts::layer().json().flatten_event(true).with_current_span(false).with_writer(writer);
    Dispatch::new(Registry::default().with(layer))
}

/// Event fields at the root, and by default the current span a second time.
fn tracing_subscriber_defaults<W>(writer: W) -> Dispatch
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    Dispatch::new(Registry::default().with(ts::layer().json().flatten_event(true).with_writer(writer)))
}

/// Event fields at the root, the span list once: its fastest way to write all of it.
fn json_subscriber<W>(writer: W) -> Dispatch
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let layer = json_subscriber::layer().flatten_event(true).with_current_span(false).with_writer(writer);
    Dispatch::new(Registry::default().with(layer))
}

/// Event and span fields at the root, as ours.
fn json_subscriber_root_spans<W>(writer: W) -> Dispatch
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let layer = json_subscriber::layer()
        .flatten_event(true)
        .with_current_span(false)
        .flatten_span_list_on_top_level(true)
        .with_writer(writer);
    Dispatch::new(Registry::default().with(layer))
}

/// Events inside of `depth` open spans, five at most.
pub(super) fn events(depth: usize) -> impl FnMut(u64) + Send + 'static {
    let mut spans = Vec::<Span>::new();
    for level in 0..depth {
        let inner = spans.last().map_or_else(|| span(level), |outer| outer.in_scope(|| span(level)));
        spans.push(inner);
    }
    move |n| {
        let _inside: [_; 5] = std::array::from_fn(|level| spans.get(level).map(Span::enter));
        (0..n).for_each(event);
    }
}

fn span(level: usize) -> Span {
    match level {
        0 => info_span!("request", method = "POST", route = "/orders"),
        1 => info_span!("payment", order = 4711, currency = "EUR"),
        2 => info_span!("call", host = "gateway", attempt = 1),
        3 => info_span!("connect", port = 443, tls = true),
        _ => info_span!("send", bytes = 512, compressed = false),
    }
}

fn event(number: u64) {
    info!(
        customer = black_box(number),
        amount = 49.99,
        country = black_box("NL"),
        express = true,
        items = 3,
        "order accepted"
    );
}

/// A span for each event.
fn spans_and_events(n: u64) {
    for number in 0..n {
        let _inside = span(0).entered();
        event(number);
    }
}

/// A span for each event, with a field that is recorded when the span exists already.
fn late_records(n: u64) {
    for number in 0..n {
        let span = info_span!("request", method = "POST", route = "/orders", status = Empty).entered();
        span.record("status", black_box(201));
        event(number);
    }
}

/// Events with an error that has two causes. The peers write its message, none of them the causes.
fn errors() -> impl FnMut(u64) + Send + 'static {
    let reset = Link { message: "connection reset by peer", source: None };
    let send = Link { message: "cannot send the request", source: Some(Box::new(reset)) };
    let failed = Link { message: "gateway did not answer", source: Some(Box::new(send)) };
    move |n| {
        for number in 0..n {
            error!(error = &failed as &dyn Error, customer = black_box(number), "payment failed");
        }
    }
}

#[derive(Debug)]
struct Link {
    message: &'static str,
    source: Option<Box<Self>>,
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message)
    }
}

impl Error for Link {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// What a benchmark drops, a test reads: each writes all it is measured for.
    #[test]
    fn every_field_is_written() {
        for dispatch in [
            ours,
            tracing_subscriber,
            tracing_subscriber_defaults,
            json_subscriber,
            json_subscriber_root_spans,
        ] {
            let lines = Lines::default();
            let dispatch = dispatch(lines.clone());
            with_default(&dispatch, || events(5)(2));
            let text = lines.text();
            assert_eq!(text.lines().count(), 2, "{text}");
            for field in ["customer", "amount", "country", "express", "items", "route", "order", "bytes"] {
                assert!(
                    text.lines().all(|line| line.contains(&format!("\"{field}\":"))),
                    "{field} in {text}"
                );
            }
        }
    }

    #[test]
    fn a_late_field_is_written() {
        for dispatch in [ours, tracing_subscriber, json_subscriber] {
            let lines = Lines::default();
            let dispatch = dispatch(lines.clone());
            with_default(&dispatch, || late_records(1));
            assert!(lines.text().contains("\"status\":201"), "{}", lines.text());
        }
    }

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Lines {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Lines {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }
}
