//! What people and machines read.
#![cfg(feature = "serde")]

use std::io;
use std::time::Duration;

use buttress_error::{
    ByKind, Class, Classifier, Error, ErrorGroup, Failure, Kind, Outcome, Result, RetrySummary, StopReason,
    Violation,
};
use proptest::prelude::*;
use serde_json::{Value, json};

fn full() -> Error {
    let error = Error::new(Class::new(Kind::Timeout).reason("GATEWAY"), "no answer")
        .caused_by(io::Error::other("connection reset"))
        .retry_after(Duration::from_millis(1500))
        .with_domain("pay")
        .note("order 7")
        .hint("look at the status page")
        .attr("amount_cents", 4999)
        .attr("card_token", "tok_1234")
        .violation(Violation::new("card", "has expired").reason("EXPIRED"))
        .without_location();
    let mut effort = RetrySummary::new(3, Duration::from_secs(2), StopReason::Attempts);
    effort.exhausted = true;
    let mut outcome: Result<()> = Err(error);
    ByKind.stamp(&mut outcome, &effort);
    outcome.expect_err("it was an error")
}

#[test]
fn the_report_tells_everything_line_by_line() {
    let expected = "pay: no answer
  kind: timeout (GATEWAY)
  caused by: connection reset
  field: card: has expired
  note: order 7
  hint: look at the status page
  with: amount_cents = 4999
  with: card_token = [redacted]
  attempts: 3 in 2s, stopped: attempts";
    assert_eq!(format!("{:?}", full()), expected);
    let coloured = full().report().coloured().to_string();
    assert!(
        coloured.starts_with("\x1b[1;31mpay: no answer\x1b[0m\n  \x1b[2mkind:\x1b[0m timeout"),
        "{coloured}"
    );
    let plain = coloured.replace("\x1b[1;31m", "").replace("\x1b[2m", "").replace("\x1b[0m", "");
    assert_eq!(plain, expected);
}

/// What a terminal would obey is escaped, and lines below the first are moved to the right.
#[test]
fn hostile_text_can_not_play_with_the_terminal() {
    let error = Error::new(Kind::NotFound, "red \x1b[31m\r\nline two").note("a\nb\x07").without_location();
    let report = format!("{:?}", error.report().coloured());
    assert_eq!(report.matches('\x1b').count(), 6, "{report:?}");
    assert!(report.contains("red \\u{1b}[31m\\r\n    line two"), "{report:?}");
    assert!(report.contains("a\n    b\\u{7}"), "{report:?}");
}

#[test]
fn a_machine_reads_everything_but_secrets() {
    let expected = json!({
        "message": "pay: no answer", "kind": "timeout", "reason": "GATEWAY", "domain": "pay", "retry": "never",
        "retry_after_ms": 1500, "delivery": "unknown", "exhausted": true, "attempts": 3,
        "chain": ["connection reset"],
        "violations": [{"field": "card", "reason": "EXPIRED", "description": "has expired"}],
        "notes": ["order 7"], "hints": ["look at the status page"],
        "attrs": {"amount_cents": 4999, "card_token": "[redacted]"},
    });
    assert_eq!(serde_json::to_value(full()).unwrap(), expected);

    let plain = serde_json::to_value(Error::new(Kind::NotFound, "x").without_location()).unwrap();
    assert_eq!(
        plain,
        json!({"message": "x", "kind": "not_found", "retry": "never", "delivery": "processed"})
    );

    let group = ErrorGroup::of([Error::new(Kind::NotFound, "a"), Error::new(Kind::Aborted, "b")]).unwrap();
    let value = serde_json::to_value(&group).unwrap();
    assert_eq!((&value["kind"], &value["errors"][1]["message"]), (&json!("not_found"), &json!("b")));
    let value = serde_json::to_value(Error::from(group).barrier()).unwrap();
    assert_eq!(value["hidden"]["errors"][0]["kind"], "not_found");
}

#[test]
fn a_client_reads_what_is_public() {
    let error = full().public("please wait");
    let expected = json!({
        "kind": "timeout", "reason": "GATEWAY", "message": "please wait", "hints": ["look at the status page"],
        "violations": [{"field": "card", "reason": "EXPIRED", "description": "has expired"}],
    });
    assert_eq!(serde_json::to_value(error.safe()).unwrap(), expected);
}

#[test]
fn a_kind_is_read_by_its_name() {
    for kind in Kind::ALL {
        assert_eq!(Kind::from_name(kind.as_str()), Some(kind));
        assert_eq!(kind.title(), kind.as_str().replace('_', " "));
        assert_eq!(serde_json::from_value::<Kind>(serde_json::to_value(kind).unwrap()).unwrap(), kind);
    }
    assert!(serde_json::from_str::<Kind>("\"odd\"").unwrap_err().to_string().contains("odd"));
}

#[test]
fn an_outcome_refuses_what_is_none() {
    for text in [r#"{"ok":true}"#, r#"{"ok":false}"#, r#"{"value":1}"#, r#"{"ok":false,"value":1}"#, "1"] {
        assert!(serde_json::from_str::<Outcome<u8>>(text).is_err(), "{text}");
    }
    let newer = r#"{"ok":false,"error":{"code":"X","kind":"of_tomorrow","message":"m"}}"#;
    let error = serde_json::from_str::<Outcome<u8>>(newer).unwrap().into_result().unwrap_err();
    assert_eq!((error.kind(), error.is_reason("X")), (Kind::Unknown, true));
    assert!(serde_json::from_str::<Outcome<u8>>(r#"{"ok":true,"value":null}"#).is_err());
    // Nothing is a value too.
    let none: Outcome<Option<u8>> = Outcome::Ok(None);
    let text = serde_json::to_string(&none).unwrap();
    assert_eq!(text, r#"{"ok":true,"value":null}"#);
    assert_eq!(serde_json::from_str::<Outcome<Option<u8>>>(&text).unwrap(), none);
    let unit: Outcome<()> = serde_json::from_str(r#"{"ok":true,"value":null}"#).unwrap();
    assert_eq!(unit, Outcome::Ok(()));
}

fn round_trip<T>(outcome: &Outcome<T>)
where
    T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let text = serde_json::to_string(outcome).expect("it serialises");
    assert_eq!(&serde_json::from_str::<Outcome<T>>(&text).expect("it is one"), outcome, "{text}");
    let value = serde_json::to_value(outcome).expect("it serialises");
    assert_eq!(&serde_json::from_value::<Outcome<T>>(value).expect("it is one"), outcome, "{text}");
}

/// A service in another language wrote `"value":null` beside an error, and nothing at all beside `"ok":true`.
#[test]
fn nothing_is_read_as_what_it_means() {
    let failure = |value: &str| {
        format!(r#"{{{value}"ok":false,"error":{{"code":"X","kind":"aborted","message":"m"}}}}"#)
    };
    for text in [failure(""), failure(r#""value":null,"#)] {
        let outcome: Outcome<u8> = serde_json::from_str(&text).unwrap();
        assert_eq!(outcome.into_result().unwrap_err().kind(), Kind::Aborted, "{text}");
    }
    for text in [r#"{"ok":true}"#, r#"{"ok":true,"value":null}"#, r#"{"ok":true,"value":null,"error":null}"#]
    {
        assert_eq!(serde_json::from_str::<Outcome<()>>(text).unwrap(), Outcome::Ok(()), "{text}");
        assert_eq!(serde_json::from_str::<Outcome<Option<u8>>>(text).unwrap(), Outcome::Ok(None), "{text}");
        assert_eq!(serde_json::from_str::<Outcome<Value>>(text).unwrap(), Outcome::Ok(Value::Null), "{text}");
        assert!(serde_json::from_str::<Outcome<u8>>(text).is_err(), "{text}");
    }
    round_trip(&Outcome::Ok(()));
    round_trip(&Outcome::Ok(None::<u8>));
    round_trip(&Outcome::Ok(Some(7_u8)));
    round_trip(&Outcome::<()>::from(Err(Error::new(Kind::Aborted, "x"))));
}

/// "A code that can be no reason becomes the attribute `code`."
#[test]
fn a_code_is_never_lost() {
    let read = |code: &str| {
        let text = json!({"ok": false, "error": {"code": code, "kind": "aborted", "message": "m"}});
        serde_json::from_value::<Outcome<()>>(text).unwrap().into_result().unwrap_err()
    };
    let code = |error: &Error| error.attrs().next().map(|(key, value)| (key, value.to_string()));
    assert!(read("CONFLICT").is_reason("CONFLICT") && code(&read("CONFLICT")).is_none());
    assert_eq!(code(&read("card-declined")), Some(("code", "card-declined".to_owned())));
    let plain = read("ABORTED");
    assert_eq!((plain.class().reason, code(&plain)), (None, None), "it only spells the kind");
}

/// An outcome in the hands of somebody else is an error again, of the same kind, reason and public message.
#[test]
fn an_outcome_comes_back_as_the_error_that_it_was() {
    for kind in Kind::ALL {
        for reason in [None, Some("CARD_DECLINED")] {
            let mut class = Class::new(kind);
            class.reason = reason;
            let result: Result<u8> = Err(Error::new(class, "internal words").public("for you"));
            let error = Outcome::from(result).into_result().unwrap_err();
            assert_eq!((error.kind(), error.class().reason), (kind, reason));
            assert_eq!(error.public_message().as_deref(), Some("for you"));
        }
    }
}

proptest! {
    #[test]
    fn an_outcome_round_trips(value in any::<Option<(i64, String)>>(), kind in proptest::sample::select(Kind::ALL.to_vec()), message in ".*") {
        let result: Result<(i64, String)> = value.ok_or_else(|| Error::new(kind, "x").public(message));
        let outcome = Outcome::from(result);
        let text = serde_json::to_string(&outcome).unwrap();
        let shape: Value = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(shape["ok"].as_bool(), Some(matches!(outcome, Outcome::Ok(_))));
        prop_assert_eq!(serde_json::from_str::<Outcome<(i64, String)>>(&text).unwrap(), outcome);
    }

    #[test]
    fn a_failure_reads_any_code(code in ".*", message in ".*") {
        let failure: Failure = serde_json::from_value(json!({"code": code, "kind": "aborted", "message": message})).unwrap();
        let error = Error::from(failure);
        prop_assert_eq!(error.kind(), Kind::Aborted);
        prop_assert!(error.public_message().is_some_and(|public| public == message));
    }
}

/// A chain whose messages repeat those of their causes was once shown over and over.
#[test]
fn a_chain_that_repeats_its_inner_text_is_shown_once() {
    #[derive(Debug, thiserror::Error)]
    #[error("disk")]
    struct Disk;
    #[derive(Debug, thiserror::Error)]
    #[error("b: {0}")]
    struct B(#[source] Disk);
    #[derive(Debug, thiserror::Error)]
    #[error("a: {0}")]
    struct A(#[source] B);

    let error = Error::wrap(Kind::Internal, A(B(Disk))).without_location();
    assert_eq!(format!("{error:#}"), "a: b: disk");
    assert_eq!(error.to_string(), "a: b: disk", "what the error itself says stays");
    assert!(error.report().to_string().starts_with("a\n  kind: internal\n  caused by: b\n  caused by: disk"));
    let context = error.context("starting");
    assert_eq!(format!("{context:#}"), "starting: a: b: disk");
    let domain = Error::wrap(Kind::Internal, A(B(Disk))).with_domain("db");
    assert_eq!(format!("{domain:#}"), "db: a: b: disk");
    let group = Error::from(ErrorGroup::new(Error::wrap(Kind::Internal, B(Disk))));
    assert_eq!(format!("{group:#}"), "1 error: [b: disk]");
    let differs = Error::new(Kind::Internal, "disk: a").caused_by(Disk);
    assert_eq!(format!("{differs:#}"), "disk: a: disk");
}

/// [S38] A report is whole, whatever a `Display` does.
#[test]
fn a_report_marks_a_display_that_panics() {
    #[derive(Debug)]
    struct Panics;
    impl std::fmt::Display for Panics {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("half")?;
            panic!("a display that panics")
        }
    }
    impl std::error::Error for Panics {}
    let error = Error::new(Kind::Internal, "outer").caused_by(Panics).note("n").without_location();
    assert!(error.report().to_string().contains("caused by: half[display panicked]\n  note: n"));
}
