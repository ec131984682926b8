//! The error object and its human form, with every detail that an error of ours may have.

#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

mod kit;

use std::io;
use std::time::Duration;

use buttress_error::{
    ByKind, Class, Classifier, Error, ErrorGroup, Kind, RetrySummary, StopReason, Violation,
};
use buttress_log::test::LineBuffer;
use buttress_log::{Human, JsonLayer, as_dyn};
use kit::{log_one, log_with};
use tracing_subscriber::prelude::*;

/// An error with every detail, and the line where it was made.
fn everything() -> (Error, u32) {
    let inner = Error::new(Kind::Unavailable, "gateway").note("inner").attr("amount", 1).attr("try", 2);
    let line = line!() + 1;
    let error = Error::new(Class::new(Kind::Timeout).reason("GATEWAY"), "no answer")
        .caused_by(inner)
        .with_domain("payments")
        .violation(Violation::new("iban", "too short").reason("LENGTH"))
        .violation(Violation::new("name", "missing"))
        .note("renewing subscription 42")
        .hint("look at the status page")
        .attr("amount", 4999)
        .attr("rate", 0.5)
        .attr("card_token", "tok_1234");
    let effort = RetrySummary::new(3, Duration::from_secs(1), StopReason::Budget);
    let mut outcome: Result<(), _> = Err(error);
    ByKind.stamp(&mut outcome, &effort);
    (outcome.unwrap_err(), line)
}

/// [S35] [S38] The members of the object in their order; the outer one of two attributes stays, a secret one doesn't.
#[test]
fn all_members_in_order() {
    let logs = buttress_log::test::capture();
    let (error, line) = everything();
    tracing::error!(error = as_dyn(&error), "x");
    let at = format!("{}:{line}", file!());
    let expected = format!(
        r#"{{"message":"payments: no answer","kind":"timeout","reason":"GATEWAY","domain":"payments","retry":"call","attempts":3,"stopped":"budget","chain":["gateway"],"violations":[{{"field":"iban","reason":"LENGTH","description":"too short"}},{{"field":"name","description":"missing"}}],"notes":["renewing subscription 42","inner"],"hints":["look at the status page"],"attrs":{{"amount":4999,"rate":0.5,"card_token":"[redacted]","try":2}},"at":"{at}"}}"#
    );
    assert_eq!(logs.assert_message("x").get("error"), Some(&*expected));
}

/// [S38] Attributes are redacted in a field of any name, and written as they are only if redaction is off.
#[test]
fn attributes_follow_the_layer() {
    let (error, _) = everything();
    let line = log_one(|| tracing::error!(cause = as_dyn(&error), "x"));
    assert_eq!(line["cause"]["attrs"]["card_token"], "[redacted]");
    let open = log_with(JsonLayer::without_redaction, || {
        tracing::error!(error = as_dyn(&error), cause = as_dyn(&error), "x");
    });
    for name in ["error", "cause"] {
        assert_eq!(open[0][name]["attrs"]["card_token"], "tok_1234");
    }
}

/// [S35] The details of our error are logged if it is the cause of another, and the class of a foreign error if there is none.
#[test]
fn below_another_error() {
    let line = log_one(|| tracing::error!(error = as_dyn(&io::Error::other(everything().0)), "x"));
    let error = &line["error"];
    assert_eq!((&error["domain"], &error["stopped"]), (&"payments".into(), &"budget".into()));
    assert_eq!(error["hints"][0], "look at the status page");
    let plain = log_one(|| tracing::error!(error = as_dyn(&io::Error::other("why")), "x"));
    let keys: Vec<_> = plain["error"].as_object().unwrap().keys().collect();
    let mut expected = ["message", "kind", "reason", "retry", "chain"];
    expected.sort_unstable();
    assert_eq!(keys, expected);
}

/// [S35] The location of the outermost error that has one outside our own crates.
#[test]
fn the_location_is_in_the_program() {
    let line = line!() + 1;
    let inner = Error::new(Kind::Unavailable, "gateway");
    let outer = Error::new(Kind::Timeout, "no answer").without_location().caused_by(inner);
    let logged = log_one(|| tracing::error!(error = as_dyn(&outer), "x"));
    assert_eq!(logged["error"]["at"], format!("{}:{line}", file!()));
}

/// [S35] A group lists its members, each with its causes.
#[test]
fn a_group_lists_its_members() {
    let mut group = ErrorGroup::new(Error::new(Kind::Timeout, "one").caused_by(io::Error::other("why")));
    group.push(Error::new(Kind::NotFound, "two"));
    let line = log_one(|| tracing::error!(error = as_dyn(&Error::from(group)), "x"));
    assert_eq!(line["error"]["errors"], serde_json::json!(["one: why", "two"]));
}

#[test]
fn for_people() {
    let lines = LineBuffer::default();
    let layer = JsonLayer::new(Human::new(lines.clone()));
    let (error, line) = everything();
    let foreign =
        io::Error::other(everything().0.with_domain("db").context("while paying").without_location());
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        tracing::error!(error = as_dyn(&error), "x");
        tracing::error!(error = as_dyn(&foreign), "y");
    });
    let text = String::from_utf8(lines.bytes()).unwrap();
    let first =
        text.split_once('\n').unwrap().1.split_inclusive('\n').take_while(|line| line.starts_with(' '));
    let at = file!();
    assert_eq!(
        first.collect::<String>(),
        format!(
            "    payments: no answer (timeout, GATEWAY, retry call, 3 attempts, stopped: budget)
    caused by: gateway
    field: iban: too short
    field: name: missing
    note: renewing subscription 42
    note: inner
    hint: look at the status page
    with: amount = 4999
    with: rate = 0.5
    with: card_token = [redacted]
    with: try = 2
    at: {at}:{line}
"
        )
    );
    assert!(text.contains("    while paying (timeout, GATEWAY, from db, retry call"), "{text}");
}

/// The members of a group, with their notes and hints, are in the object wherever the group lies in the error.
#[test]
fn a_group_in_another_error_shows_its_members() {
    #[derive(Debug)]
    struct Outer(Box<dyn std::error::Error + Send + Sync>);
    impl std::fmt::Display for Outer {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("outer")
        }
    }
    impl std::error::Error for Outer {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&*self.0)
        }
    }
    let group = || {
        let first = Error::new(Kind::Timeout, "first").note("note of the first");
        let second =
            Error::new(Kind::NotFound, "second").note("note of the second").hint("hint of the second");
        ErrorGroup::of([first, second]).unwrap()
    };
    let errors: [Box<dyn std::error::Error + Send + Sync>; 6] = [
        Error::from(group()).into(),
        group().into(),
        io::Error::other(group()).into(),
        io::Error::other(Error::from(group())).into(),
        Outer(Error::from(group()).into()).into(),
        Outer(io::Error::other(group()).into()).into(),
    ];
    for error in errors {
        let alone = log_one(|| tracing::error!(error = &*error as &(dyn std::error::Error + 'static), "x"));
        let translated = Error::from(Box::<dyn std::error::Error + Send + Sync>::from(Outer(error)));
        let below = log_one(|| tracing::error!(error = as_dyn(&translated), "x"));
        for line in [alone, below] {
            let error = &line["error"];
            assert_eq!(error["errors"], serde_json::json!(["first", "second"]), "{line}");
            for note in ["note of the first", "note of the second"] {
                let notes = error["notes"].as_array().unwrap();
                assert_eq!(notes.iter().filter(|text| *text == note).count(), 1, "{line}");
            }
            assert_eq!(error["hints"], serde_json::json!(["hint of the second"]), "{line}");
        }
    }
}

/// [S35] `#[instrument(err)]` and `Debug` pass a text on, not the error. All of it is kept, in the one shape of errors, on a line
/// with the arguments.
#[test]
fn an_instrumented_error_keeps_its_text() {
    #[tracing::instrument(err)]
    fn by_display(order: u32) -> Result<(), Error> {
        Err(Error::new(Kind::Timeout, "no answer").note("while paying"))
    }
    #[tracing::instrument(err(Debug))]
    fn by_debug(order: u32) -> Result<(), Error> {
        Err(Error::new(Kind::Timeout, "no answer").note("while paying"))
    }
    let line = log_one(|| drop(by_display(17)));
    let text = by_display(17).unwrap_err().to_string();
    assert_eq!(line["error"], serde_json::json!({ "message": text }));
    assert_eq!((&line["level"], &line["order"]), (&"ERROR".into(), &17.into()));
    let line = log_one(|| drop(by_debug(17)));
    let shown = line["error"]["message"].as_str().unwrap();
    assert!(shown.contains("no answer") && shown.contains("while paying"), "{shown}");
    assert_eq!(line["order"], 17);
}
