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

/// [S36] A late record into one span leaves the fields of unrelated spans, and of spans with other parents, as they are.
#[test]
fn a_late_record_changes_only_the_spans_inside() {
    let lines = LineBuffer::default();
    subscriber::with_default(tracing_subscriber::registry().with(json(&lines)), || {
        let one = info_span!("one", late = tracing::field::Empty, a = 1);
        let in_one = info_span!(parent: &one, "inner", b = 2);
        let other = info_span!("other", a = 3);
        let in_other = info_span!(parent: &other, "inner", b = 4);
        for late in 1..4 {
            one.record("late", late);
            in_one.in_scope(|| info!("in one"));
            in_other.in_scope(|| info!("in other"));
            in_one.record("b", late * 10);
            in_one.in_scope(|| info!("in one"));
        }
    });
    let lines = kit::parse(&lines.bytes());
    let fields: Vec<_> =
        lines.iter().map(|line| ["late", "a", "b"].map(|name| line[name].as_i64())).collect();
    let in_other = [None, Some(3), Some(4)];
    let in_one = |late, b| [Some(late), Some(1), Some(b)];
    assert_eq!(
        fields,
        [
            in_one(1, 2),
            in_other,
            in_one(1, 10),
            in_one(2, 10),
            in_other,
            in_one(2, 20),
            in_one(3, 20),
            in_other,
            in_one(3, 30)
        ]
    );
}

/// [S36] A late record reaches the innermost of many spans at once, whatever was logged in between.
#[test]
fn a_late_record_reaches_every_depth() {
    let lines = LineBuffer::default();
    subscriber::with_default(tracing_subscriber::registry().with(json(&lines)), || {
        let mut spans = vec![info_span!("outermost", late = tracing::field::Empty, depth = 0)];
        for depth in 1..40 {
            spans.push(info_span!(parent: spans.last().and_then(tracing::Span::id), "s", late = tracing::field::Empty, depth));
        }
        for (late, at) in [(1, 39), (2, 20), (3, 39), (4, 5)] {
            spans[0].record("late", late);
            spans[at].in_scope(|| info!(at, late_at = late, "x"));
        }
        spans[20].record("late", 5);
        spans[39].in_scope(|| info!(at = 39, late_at = 5, "x"));
        spans[19].in_scope(|| info!(at = 19, late_at = 4, "x"));
    });
    let lines = kit::parse(&lines.bytes());
    assert_eq!(lines.len(), 6);
    for line in lines {
        assert_eq!((&line["late"], &line["depth"]), (&line["late_at"], &line["at"]), "{line}");
    }
}

/// [S36] Spans may end in any order, and an ended outer span keeps its fields as long as a span inside is alive.
#[test]
fn spans_that_end_out_of_order() {
    let lines = LineBuffer::default();
    subscriber::with_default(tracing_subscriber::registry().with(json(&lines)), || {
        let outer = info_span!("outer", a = 1).entered();
        let inner = info_span!("inner", b = 2, late = tracing::field::Empty).entered();
        drop(outer);
        info!("outer has ended");
        inner.record("late", 3);
        let innermost = info_span!("innermost", c = 4).entered();
        drop(inner);
        info!("both have ended");
        drop(innermost);
        info!("all have ended");
    });
    let lines = kit::parse(&lines.bytes());
    let fields: Vec<_> =
        lines.iter().map(|line| ["a", "b", "late", "c"].map(|name| line[name].as_i64())).collect();
    assert_eq!(
        fields,
        [[Some(1), Some(2), None, None], [Some(1), Some(2), Some(3), Some(4)], [None, None, None, None]]
    );
}

/// [S34] Late fields with reserved, secret and duplicate names are treated like those of a new span; undeclared ones are ignored.
#[test]
fn late_fields_with_odd_names() {
    use tracing::field::Empty;
    let lines = LineBuffer::default();
    subscriber::with_default(tracing_subscriber::registry().with(json(&lines)), || {
        let span = info_span!(
            "s",
            level = Empty,
            error = Empty,
            password = Empty,
            dropped_fields = Empty,
            a = Empty,
            a = Empty
        );
        let _inner = info_span!(parent: &span, "inner", level = "inner").entered();
        for name in ["level", "error", "password", "dropped_fields", "a", "undeclared"] {
            span.record(name, "late");
            span.record(name, "later");
        }
        info!("x");
    });
    let line = &kit::parse(&lines.bytes())[0];
    assert_eq!(line["level"], "INFO");
    assert_eq!((&line["level_"], &line["error_"]), (&json!("inner"), &json!("later")));
    assert_eq!((&line["password"], &line["dropped_fields_"]), (&json!("[redacted]"), &json!("later")));
    assert_eq!((&line["a"], &line["undeclared"]), (&json!("later"), &json!(null)));
    assert!(line.get("error").is_none() && line.get("dropped_fields").is_none(), "{line}");
}

/// A subscriber inside another gets the lines of its scope, and the spans of one are not those of the other.
#[test]
fn subscribers_inside_each_other() {
    let (outer_lines, inner_lines) = (LineBuffer::default(), LineBuffer::default());
    let outer = || tracing_subscriber::registry().with(json(&outer_lines));
    let inner = || tracing_subscriber::registry().with(human(&inner_lines));
    subscriber::with_default(outer(), || {
        let span = info_span!("outer", a = 1, late = tracing::field::Empty).entered();
        info!("before");
        subscriber::with_default(inner(), || {
            info!("no span here");
            let _span = info_span!("inner", b = 2).entered();
            info!("inner");
            span.record("late", 3); // It is a span of the outer subscriber.
            subscriber::with_default(tracing::subscriber::NoSubscriber::default(), || info!("nowhere"));
            info!("inner again");
        });
        info!("after");
    });
    let fields: Vec<_> = kit::parse(&outer_lines.bytes())
        .iter()
        .map(|line| ["message", "a", "b", "late"].map(|name| line[name].clone()))
        .collect();
    assert_eq!(
        fields,
        [
            [json!("before"), json!(1), json!(null), json!(null)],
            [json!("after"), json!(1), json!(null), json!(3)]
        ]
    );
    let text: Vec<_> = inner_lines.read().iter().map(|line| line.as_str()[14..].to_owned()).collect();
    assert_eq!(text, ["INFO no span here spans", "INFO inner b=2 spans", "INFO inner again b=2 spans"]);
}

/// A filter of one layer hides an outer span from it, also from late records and from the spans inside.
#[test]
fn a_span_that_one_layer_does_not_see() {
    let (all, some) = (LineBuffer::default(), LineBuffer::default());
    let filtered = json(&some).with_filter(LevelFilter::INFO);
    subscriber::with_default(tracing_subscriber::registry().with(filtered).with(json(&all)), || {
        let outermost = info_span!("outermost", a = 1, late = tracing::field::Empty).entered();
        let hidden = tracing::debug_span!("hidden", b = 2, late = tracing::field::Empty).entered();
        let _inner = info_span!("inner", c = 3).entered();
        hidden.record("late", 4);
        info!("one");
        outermost.record("late", 5);
        info!("two");
        tracing::debug!("three");
    });
    let fields = |lines: &LineBuffer| -> Vec<_> {
        let fields = ["a", "b", "c", "late"];
        kit::parse(&lines.bytes()).iter().map(|line| fields.map(|name| line[name].as_i64())).collect()
    };
    let seen = [Some(1), Some(2), Some(3), Some(4)];
    assert_eq!(fields(&all), [seen, seen, seen]);
    assert_eq!(fields(&some), [[Some(1), None, Some(3), None], [Some(1), None, Some(3), Some(5)]]);
}

/// Late records, new spans and events of many threads in the spans of one tree: every line has its own fields and a value of the
/// outer span that was recorded.
#[test]
fn late_records_of_many_threads() {
    let lines = LineBuffer::default();
    let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(json(&lines)));
    tracing::dispatcher::with_default(&dispatch, || {
        let outer = info_span!("outer", late = 0);
        let work = |thread: u64| {
            tracing::dispatcher::with_default(&dispatch, || {
                for n in 1..200 {
                    let middle = info_span!(parent: &outer, "middle", thread, n);
                    let inner = info_span!(parent: &middle, "inner", own = tracing::field::Empty);
                    outer.record("late", thread * 1_000 + n);
                    inner.record("own", n);
                    inner.in_scope(|| info!("x"));
                }
            });
        };
        thread::scope(|scope| (1..4).for_each(|n| drop(scope.spawn(move || work(n)))));
    });
    let lines = kit::parse(&lines.bytes());
    assert_eq!(lines.len(), 3 * 199);
    for line in lines {
        assert_eq!(line["n"], line["own"], "{line}");
        let (late, thread) = (line["late"].as_u64().unwrap(), line["thread"].as_u64().unwrap());
        // Its own record or a later one of another thread.
        assert!(late / 1_000 != thread || late % 1_000 == line["n"].as_u64().unwrap(), "{line}");
    }
}
