//! Details of a line that mutations of the code got past the other tests.

#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

mod kit;

use std::fmt;
use std::time::Duration;

use buttress_context::Context;
use buttress_error::{ByKind, Classifier, Error, Kind, RetrySummary, StopReason};
use buttress_log::{Limits, as_dyn};
use kit::{log, log_one, log_with};
use serde_json::json;
use tracing::field::Empty;
use tracing::{Level, Metadata, error, info, info_span};
use tracing_core::callsite::{Callsite, DefaultCallsite};
use tracing_core::{Event, Kind as CallsiteKind, metadata};

/// [S34] Both booleans have their own form, everywhere.
#[test]
fn booleans() {
    let line = log_one(|| {
        Context::current().with_field("a", false).with_field("b", true).run(|| {
            let span = info_span!("s", c = false, d = true, e = Empty).entered();
            span.record("e", false);
            info!(f = false, g = true, "x");
        });
    });
    let values = ["a", "b", "c", "d", "e", "f", "g"].map(|name| line[name].as_bool().unwrap());
    assert_eq!(values, [false, true, false, true, false, false, true]);
}

/// [S34] After a cut nothing more of a text is written, in whatever pieces it comes, and every missing byte is counted.
#[test]
fn pieces_after_a_cut_are_counted() {
    struct Pieces(&'static [&'static str]);
    impl fmt::Display for Pieces {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.iter().try_for_each(|piece| f.write_str(piece))
        }
    }
    let limits = Limits::new(64, 2 * 64 + 8_192).unwrap();
    const TEN: &str = "0123456789";
    for (pieces, kept, cut) in [
        (&[TEN, TEN, TEN, TEN, TEN, TEN, "abcdef", "x", "yz"][..], 64, 5),
        (&[TEN, TEN, TEN, TEN, TEN, TEN, "abc", "é\u{1}", "x"], 63, 4),
        (&[TEN, TEN, TEN, TEN, TEN, TEN, "ab", "\u{1}\u{1}", "", "x"], 62, 3),
        (&[TEN, TEN, TEN, TEN, TEN, TEN, "abcd", ""], 64, 0),
    ] {
        let lines =
            log_with(|layer| layer.limits(limits), || info!(text = %Pieces(pieces), "{}", Pieces(pieces)));
        let whole = pieces.concat();
        let mark = if cut > 0 { format!("…[{cut} bytes cut]") } else { String::new() };
        let expected = format!("{}{mark}", &whole[..kept]);
        assert_eq!((&lines[0]["text"], &lines[0]["message"]), (&json!(expected), &json!(expected)));
    }
}

static BY_HAND: DefaultCallsite = DefaultCallsite::new(&BY_HAND_METADATA);
static BY_HAND_METADATA: Metadata<'static> = metadata! {
    name: "by hand",
    target: "by_hand",
    level: Level::INFO,
    fields: &["message", "a"],
    callsite: &BY_HAND,
    kind: CallsiteKind::EVENT,
};

/// [S34] An event made by hand may bring its message, and a field, twice: the last one counts.
#[test]
fn a_message_that_comes_twice() {
    let line = log_one(|| {
        let fields = BY_HAND.metadata().fields();
        let (message, a) = (fields.field("message").unwrap(), fields.field("a").unwrap());
        let values: [(_, Option<&dyn tracing::field::Value>); 4] =
            [(&message, Some(&"first")), (&a, Some(&1)), (&message, Some(&"last")), (&a, Some(&2))];
        Event::dispatch(BY_HAND.metadata(), &fields.value_set(&values));
    });
    assert_eq!(
        (&line["message"], &line["a"], &line["target"]),
        (&json!("last"), &json!(2), &json!("by_hand"))
    );
}

/// [S34] Fields of an event that do not fit by themselves, and those of a late record, are counted in the line.
#[test]
fn own_fields_and_recorded_ones_are_counted() {
    let limits = Limits::new(1_000, 2 * 1_000 + 8_192).unwrap();
    let long = "x".repeat(900);
    let lines = log_with(
        |layer| layer.limits(limits),
        || {
            info!(a = long, b = long, c = long, d = long, e = long, f = long, "own");
            let fields = info_span!("s", a = Empty, b = Empty, c = Empty, d = Empty, e = Empty, f = Empty);
            let span = fields.entered();
            let names = span.metadata().unwrap().fields();
            let field = |name| names.field(name).unwrap();
            let (a, b, c, d, e, f) = (field("a"), field("b"), field("c"), field("d"), field("e"), field("f"));
            let long: Option<&dyn tracing::field::Value> = Some(&long);
            let values = [(&a, long), (&b, long), (&c, long), (&d, long), (&e, long), (&f, long)];
            span.record_all(&names.value_set(&values));
            info!("recorded");
            let _inner = info_span!("inner", g = 1).entered();
            info!("inherited");
        },
    );
    for line in &lines {
        let present = ["a", "b", "c", "d", "e", "f"].iter().filter(|name| line.get(**name).is_some()).count();
        assert_eq!((present, &line["dropped_fields"]), (4, &json!(2)), "{}", line["message"]);
    }
}

/// [S36] A late record that replaces an inherited field makes it the span's own, and leaves the rest of its own alone.
#[test]
fn a_late_record_replaces_an_inherited_field() {
    let lines = log(|| {
        let outer = info_span!("outer", a = 1, b = 1, d = 1).entered();
        let inner = info_span!("inner", a = Empty, b = Empty, c = 3).entered();
        let _innermost = info_span!("innermost", e = 5).entered();
        inner.record("a", 2);
        info!("one");
        outer.record("a", 9);
        outer.record("d", 9);
        info!("two");
        inner.record("b", 4);
        outer.record("b", 9);
        info!("three");
    });
    let fields = |at: usize| ["a", "b", "c", "d", "e"].map(|name| lines[at][name].as_i64().unwrap());
    assert_eq!((fields(0), fields(1), fields(2)), ([2, 1, 3, 1, 5], [2, 1, 3, 9, 5], [2, 4, 3, 9, 5]));
}

/// [S36] Names of context fields that overlap in memory stay distinct.
#[test]
fn context_names_that_overlap() {
    static NAME: &str = "tenant_id_of_user";
    for _ in 0..2 {
        let line = log_one(|| {
            let context = Context::current().with_field(&NAME[..6], 1).with_field(&NAME[..9], 2);
            context.with_field(NAME, 3).with_field(&NAME[7..9], 4).run(|| info!("x"));
        });
        let values = ["tenant", "tenant_id", "tenant_id_of_user", "id"].map(|name| line[name].as_i64());
        assert_eq!(values, [Some(1), Some(2), Some(3), Some(4)]);
    }
}

/// [S35] The attempts of an inner error are logged, unless an outer one has attempts too.
#[test]
fn the_attempts_of_an_inner_error() {
    let exhausted_after = |attempts, stop| {
        let mut outcome: Result<(), _> = Err(Error::new(Kind::Unavailable, "gone"));
        ByKind.stamp(&mut outcome, &RetrySummary::new(attempts, Duration::from_secs(1), stop));
        outcome.unwrap_err()
    };
    let inner = Error::new(Kind::Internal, "outer").caused_by(exhausted_after(3, StopReason::Budget));
    let foreign = std::io::Error::other(exhausted_after(4, StopReason::Deadline));
    let logged = |error: &(dyn std::error::Error + 'static)| {
        let line = log_one(|| error!(error = error, "x"));
        (line["error"]["attempts"].clone(), line["error"]["stopped"].clone())
    };
    assert_eq!(logged(as_dyn(&inner)), (json!(3), json!("budget")));
    assert_eq!(logged(as_dyn(&foreign)), (json!(4), json!("deadline")));
    assert_eq!(logged(as_dyn(&Error::new(Kind::Internal, "none"))), (json!(null), json!(null)));
}
