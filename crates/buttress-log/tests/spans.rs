//! Spans that outlive a layer, deep spans, and late records.

#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

mod kit;

use std::thread;

use buttress_log::test::LineBuffer;
use buttress_log::{Human, JsonLayer};
use serde_json::json;
use tracing::{info, info_span, subscriber};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::prelude::*;
use tracing_subscriber::reload;

fn json(lines: &LineBuffer) -> JsonLayer<BoxMakeWriter> {
    JsonLayer::new(BoxMakeWriter::new(lines.clone()))
}

fn human(lines: &LineBuffer) -> JsonLayer<BoxMakeWriter> {
    JsonLayer::new(BoxMakeWriter::new(Human::new(lines.clone())))
}

/// [S36] The fields of a span survive when `reload` replaces the layer, repeatedly, with another writer or format.
#[test]
fn span_fields_survive_a_reload() {
    let (one, two, three) = (LineBuffer::default(), LineBuffer::default(), LineBuffer::default());
    let (layer, handle) = reload::Layer::new(json(&one));
    subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        let outer = info_span!("outer", a = 1, late = tracing::field::Empty, password = "hunter2").entered();
        let inner = info_span!("inner", b = 2, a = 3).entered();
        info!("first");

        handle.reload(human(&two)).unwrap();
        info!("second");
        outer.record("late", 4);
        info!("third");

        handle.reload(json(&three)).unwrap();
        outer.record("late", 5);
        let innermost = info_span!("innermost", c = 6).entered();
        info!("fourth");
        outer.record("late", 7);
        inner.record("b", 8);
        info!("fifth");
        drop(innermost);
        drop(inner);
        info!("sixth");
    });
    let first = &kit::parse(&one.bytes())[0];
    assert_eq!((&first["a"], &first["b"], &first["password"]), (&json!(3), &json!(2), &json!("[redacted]")));
    let text: Vec<_> = two.read().iter().map(|line| line.as_str()[14..].to_owned()).collect();
    assert_eq!(
        text,
        [
            "INFO second password=[redacted] b=2 a=3 spans",
            "INFO third password=[redacted] late=4 b=2 a=3 spans"
        ]
        .map(str::to_owned)
    );
    let lines = kit::parse(&three.bytes());
    let fields = |at: usize| ["a", "b", "c", "late", "password"].map(|name| lines[at][name].clone());
    assert_eq!(fields(0), [json!(3), json!(2), json!(6), json!(5), json!("[redacted]")]);
    assert_eq!(fields(1), [json!(3), json!(8), json!(6), json!(7), json!("[redacted]")]);
    assert_eq!(fields(2), [json!(1), json!(null), json!(null), json!(7), json!("[redacted]")]);
}

/// A layer that redacts writes no secret that its predecessor did not redact. The other way round the mark stays.
#[test]
fn a_reload_reveals_no_secret() {
    let (one, two) = (LineBuffer::default(), LineBuffer::default());
    let (layer, handle) = reload::Layer::new(json(&one).without_redaction());
    subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        let error = buttress_error::Error::new(buttress_error::Kind::Internal, "x").attr("token", "hunter2");
        let cause = &error as &(dyn std::error::Error + 'static);
        let _span = info_span!("s", password = "hunter2", cause, a = 1).entered();
        info!("open");
        handle.reload(json(&two)).unwrap();
        info!("redacted");
        handle.reload(json(&two).without_redaction()).unwrap();
        info!("still redacted");
    });
    assert_eq!(kit::parse(&one.bytes())[0]["password"], "hunter2");
    for line in kit::parse(&two.bytes()) {
        assert_eq!((&line["password"], &line["a"]), (&json!("[redacted]"), &json!(1)));
        assert!(!line.to_string().contains("hunter2"), "{line}");
    }
}

/// One of two layers is replaced: each keeps the fields that its own filter lets through.
#[test]
fn a_reload_beside_another_layer() {
    let (all, one, two) = (LineBuffer::default(), LineBuffer::default(), LineBuffer::default());
    let (layer, handle) = reload::Layer::new(json(&one));
    let beside = JsonLayer::new(all.clone()).with_filter(LevelFilter::INFO);
    subscriber::with_default(tracing_subscriber::registry().with(beside).with(layer), || {
        let _outer = tracing::debug_span!("outer", a = 1).entered();
        let _inner = info_span!("inner", b = 2).entered();
        info!("first");
        handle.reload(json(&two)).unwrap();
        info!("second");
    });
    for (lines, a) in [(&one, json!(1)), (&two, json!(1)), (&all, json!(null))] {
        for line in kit::parse(&lines.bytes()) {
            assert_eq!((&line["a"], &line["b"]), (&a, &json!(2)), "{line}");
        }
    }
}

/// A layer that replaces `None` has the fields that another layer kept, and those that are recorded from then on.
#[test]
fn a_layer_that_replaces_none() {
    let (all, late) = (LineBuffer::default(), LineBuffer::default());
    let (layer, handle) = reload::Layer::new(None::<JsonLayer<BoxMakeWriter>>);
    subscriber::with_default(tracing_subscriber::registry().with(layer).with(json(&all)), || {
        let outer = info_span!("outer", a = 1, b = tracing::field::Empty).entered();
        let _inner = info_span!("inner", c = 3).entered();
        handle.reload(Some(json(&late))).unwrap();
        outer.record("b", 2);
        info!("x");
    });
    for line in kit::parse(&[all.bytes(), late.bytes()].concat()) {
        assert_eq!((&line["a"], &line["b"], &line["c"]), (&json!(1), &json!(2), &json!(3)));
    }

    // No other layer has kept anything. The level filter enables the span while there is no layer.
    let late = LineBuffer::default();
    let (layer, handle) = reload::Layer::new(None::<JsonLayer<BoxMakeWriter>>);
    let registry = tracing_subscriber::registry().with(layer).with(LevelFilter::INFO);
    subscriber::with_default(registry, || {
        let outer = info_span!("outer", a = 1, b = tracing::field::Empty).entered();
        handle.reload(Some(json(&late))).unwrap();
        outer.record("b", 2);
        let _inner = info_span!("inner", c = 3).entered();
        info!("x");
    });
    let line = &kit::parse(&late.bytes())[0];
    assert_eq!((&line["a"], &line["b"], &line["c"]), (&json!(null), &json!(2), &json!(3)));
}

/// [S36] A late record with 5 000 nested spans inside needs no deep stack, nor does a reload.
#[test]
fn a_late_record_over_deep_spans() {
    fn deep() {
        let (lines, reloaded) = (LineBuffer::default(), LineBuffer::default());
        let (layer, handle) = reload::Layer::new(json(&lines));
        subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let outer = info_span!("outer", late = tracing::field::Empty, depth = 0).entered();
            let mut spans: Vec<tracing::span::EnteredSpan> =
                (1..5_000).map(|depth| info_span!("deep", depth).entered()).collect();
            outer.record("late", 1);
            info!("x");
            outer.record("late", 2);
            let new = info_span!("new", depth = "new").entered();
            info!("y");
            handle.reload(json(&reloaded)).unwrap();
            info!("z");
            // From the inside out: the registry closes the spans around one that is closed by recursion.
            drop(new);
            while spans.pop().is_some() {}
        });
        let lines = kit::parse(&[lines.bytes(), reloaded.bytes()].concat());
        let fields: Vec<_> = lines.iter().map(|line| (line["late"].clone(), line["depth"].clone())).collect();
        assert_eq!(fields, [(json!(1), json!(4_999)), (json!(2), json!("new")), (json!(2), json!("new"))]);
    }
    thread::Builder::new().stack_size(2 << 20).spawn(deep).unwrap().join().unwrap();
}

/// A record on another thread is seen by events in an inner span.
#[test]
fn a_late_record_on_another_thread() {
    let lines = LineBuffer::default();
    let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(json(&lines)));
    tracing::dispatcher::with_default(&dispatch, || {
        let outer = info_span!("outer", late = tracing::field::Empty);
        let inner = info_span!(parent: &outer, "inner");
        let record = || {
            tracing::dispatcher::with_default(&dispatch, || {
                outer.record("late", 1);
            });
        };
        thread::scope(|scope| scope.spawn(record).join().unwrap());
        inner.in_scope(|| info!("x"));
    });
    assert_eq!(kit::parse(&lines.bytes())[0]["late"], 1);
}
