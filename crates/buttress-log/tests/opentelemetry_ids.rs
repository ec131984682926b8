//! The ids of OpenTelemetry spans in lines.

mod kit;

use std::cell::RefCell;

use buttress_context::{Context, Trace};
use buttress_log::JsonLayer;
use buttress_log::test::LineBuffer;
use opentelemetry::trace::{TraceContextExt, TracerProvider};
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{info, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::prelude::*;

/// The ids are those of the current span of `tracing-opentelemetry`, and of the context where no such span is current.
#[test]
fn the_ids_are_those_of_the_span() {
    let provider = SdkTracerProvider::builder().build();
    let lines = LineBuffer::default();
    let subscriber = tracing_subscriber::registry()
        .with(tracing_opentelemetry::layer().with_tracer(provider.tracer("test")))
        .with(JsonLayer::new(lines.clone()));
    let own = Trace::random();
    let mut spans = Vec::new();
    tracing::subscriber::with_default(subscriber, || {
        let mut log = |span: &tracing::Span| {
            let context = span.context();
            let ids = context.span().span_context().clone();
            spans.push((ids.trace_id().to_string(), ids.span_id().to_string()));
            info!("in span");
        };
        Context::current().with_trace(own).run(|| {
            info!("outside");
            let outer = info_span!("outer").entered();
            log(&outer);
            let inner = info_span!("inner").entered();
            log(&inner);
        });
    });
    let lines = kit::parse(&lines.bytes());
    assert_eq!(lines[0]["trace_id"], own.trace_id().to_string());
    assert_eq!(lines[0]["span_id"], own.span_id().to_string());
    for (line, (trace_id, span_id)) in lines[1..].iter().zip(&spans) {
        assert_eq!((&line["trace_id"], &line["span_id"]), (&(&**trace_id).into(), &(&**span_id).into()));
        assert_eq!(line["trace_flags"], "01");
    }
    assert_eq!(spans[0].0, spans[1].0);
    assert_ne!(spans[0].1, spans[1].1);
}

/// A thread that is ending logs without the ids, and does not abort the program.
#[test]
fn an_ending_thread_logs() {
    struct LogsLate(LineBuffer);
    impl Drop for LogsLate {
        fn drop(&mut self) {
            let subscriber = tracing_subscriber::registry().with(JsonLayer::new(self.0.clone()));
            tracing::subscriber::with_default(subscriber, || {
                info!("late");
                info!("later");
            });
        }
    }
    thread_local! {
        static LATE: RefCell<Option<LogsLate>> = const { RefCell::new(None) };
    }
    let lines = LineBuffer::default();
    let late = LogsLate(lines.clone());
    std::thread::spawn(move || {
        // Its destructor runs after that of OpenTelemetry's thread-local, which is initialized later.
        LATE.with_borrow_mut(|slot| *slot = Some(late));
        opentelemetry::Context::map_current(|_| ());
    })
    .join()
    .unwrap();
    assert!(kit::parse(&lines.bytes()).iter().all(|line| line.get("trace_id").is_none()));
}
