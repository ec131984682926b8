//! Redaction: what is never shown, wherever it is logged, and what always is.

#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

mod kit;

use std::fmt;
use std::io;

use buttress_context::{Context, RequestId};
use buttress_error::{Detectors, Error, ErrorGroup, FingerprintKey, Kind, Secret, Violation};
use buttress_log::test::LineBuffer;
use buttress_log::{Human, JsonLayer, Limits, Redaction, as_dyn};
use kit::{log, log_one, log_with, parse};
use serde_json::{Value, json};
use tracing::field::Empty;
use tracing::{error, info, info_span};
use tracing_subscriber::prelude::*;

/// The lines of a file of `tests/redaction`, split at tabs. `¦` is left out, and `\n` is a line break.
fn rows<const N: usize>(file: &str) -> Vec<[&'static str; N]> {
    let lines = file.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines
        .map(|line| {
            let row: Vec<&'static str> =
                line.split('\t').map(|part| &*part.replace('¦', "").replace("\\n", "\n").leak()).collect();
            row.try_into().unwrap_or_else(|row| panic!("{row:?}"))
        })
        .collect()
}

fn canaries() -> Vec<[&'static str; 3]> {
    rows(include_str!("../../../tests/redaction/canaries.txt"))
}

fn ordinary() -> Vec<[&'static str; 2]> {
    rows(include_str!("../../../tests/redaction/ordinary.txt"))
}

/// A text in the pieces of a `Display`: one for each character.
struct Pieces(&'static str);

impl fmt::Display for Pieces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| write!(f, "{c}"))
    }
}

/// Logs a text in every place that a line has.
fn log_everywhere(text: &'static str) {
    let context = Context::current().with_field("tenant", text);
    context.run(|| {
        let span = info_span!("outer", body = text, late = Empty).entered();
        span.record("late", tracing::field::display(Pieces(text)));
        let _inner = info_span!("inner", debugged = ?Some(text)).entered();
        info!("{text}");
        info!(text, bytes = text.as_bytes(), shown = %Pieces(text), "a message with {text}");
        info!(error = text, "only text");
        let group =
            ErrorGroup::of([Error::new(Kind::NotFound, text), Error::new(Kind::Aborted, "b").note(text)]);
        let err = Error::wrap(Kind::Unavailable, io::Error::other(text))
            .context(text)
            .caused_by(Error::from(group.unwrap()))
            .note(text)
            .hint(text)
            .attr("body", text)
            .violation(Violation::new("field", text));
        error!(error = as_dyn(&err), cause = as_dyn(&err), "{err} {err:#}");
        error!(error = as_dyn(&io::Error::other(text)), report = ?err, "failed");
    });
}

/// A secret as it would be in a line: also escaped, once or twice.
fn forms(secret: &str) -> [String; 3] {
    let escape = |text: &str| serde_json::to_string(text).unwrap().trim_matches('"').to_owned();
    [secret.to_owned(), escape(secret), escape(&escape(secret))]
}

/// [S38] No planted secret is in any line of any format, wherever it was logged.
#[test]
fn planted_secrets_are_in_no_line() {
    drop(buttress_log::test::capture());
    for [name, secret, text] in canaries() {
        let (json, human) = (LineBuffer::default(), LineBuffer::default());
        let layers =
            [JsonLayer::new(json.clone()).boxed(), JsonLayer::new(Human::new(human.clone())).boxed()];
        tracing::subscriber::with_default(tracing_subscriber::registry().with(Vec::from(layers)), || {
            log_everywhere(text);
        });
        assert_eq!(parse(&json.bytes()).len(), 5);
        for lines in [json, human] {
            let lines = String::from_utf8(lines.bytes()).unwrap();
            assert!(lines.matches("[redacted]").count() >= 20, "{name}: {lines}");
            for form in forms(secret) {
                assert!(!lines.contains(&form), "{name}: {form} in {lines}");
            }
        }
    }
}

/// [S38] Ordinary fields and texts are logged as they are.
#[test]
fn ordinary_texts_stay() {
    for [name, text] in ordinary() {
        let number = text.parse::<u64>();
        let line = log_one(|| {
            let context = Context::current().with_field("body", text);
            let err = Error::new(Kind::Internal, text).note(text);
            let err = match number {
                Ok(number) => err.attr(name, number),
                Err(_) => err.attr(name, text),
            };
            context.run(|| error!(error = as_dyn(&err), shown = %Pieces(text), "{text}"));
        });
        let expected = number.map_or_else(|_| json!(text), Value::from);
        assert_eq!(line["error"]["attrs"][name], expected, "{name}");
        for shown in [
            &line["message"],
            &line["body"],
            &line["shown"],
            &line["error"]["message"],
            &line["error"]["notes"][0],
        ] {
            assert_eq!(shown, text, "{name}");
        }
    }
}

/// [S38] A secret that the limit of a field cuts does not survive in half.
#[test]
fn a_cut_secret_does_not_survive() {
    for [name, secret, text] in canaries() {
        for before in (64usize.saturating_sub(text.len())..64).step_by(3) {
            let text: &str = format!("{}{text}", "x ".repeat(before / 2)).leak();
            let limits = Limits::new(64, 64 << 10).unwrap();
            let lines = log_with(
                |layer| layer.limits(limits),
                || info!(body = text, shown = %Pieces(text), "{text}"),
            );
            for shown in [&lines[0]["body"], &lines[0]["shown"], &lines[0]["message"]] {
                let shown = shown.as_str().unwrap();
                let longest = (4..=secret.len()).filter(|len| secret.is_char_boundary(*len)).rev();
                let known = longest.map(|len| &secret[..len]).find(|start| shown.contains(start));
                let before_mark = shown.split("…[").next().unwrap();
                assert!(
                    known.is_none_or(|known| !before_mark.contains(known)),
                    "{name}: {known:?} in {shown}"
                );
            }
        }
    }
}

/// [S38] Secrets of any type: a number with the digits of a card, a request id that is a token, a `Secret`.
#[test]
fn secrets_of_other_types() {
    let id = RequestId::parse("ghp_c4n4ryA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5").unwrap();
    let line = log_one(|| {
        Context::current().with_request_id(id).run(|| {
            let (number, order) = (4_242_424_242_424_242_u64, 4_242_424_242_424_241_u64);
            info!(number, order, at = 1_764_589_206_123_456_789_u64, key = ?Secret::new("zq81"), "paid");
        });
    });
    assert_eq!(line["number"], "[redacted]");
    assert_eq!(line["order"], 4_242_424_242_424_241_u64);
    assert_eq!(line["at"], 1_764_589_206_123_456_789_u64);
    assert_eq!(line["key"], "[redacted]");
    assert_eq!(line["request_id"], "[redacted]");
}

/// [S38] A connection string is shown without its secret, and not at all if none is found in it.
#[test]
fn connection_strings() {
    let line = log_one(|| {
        info!(dsn = "redis://:zq81@cache:6379/0", sentry_dsn = %"https://abcdef@sentry.example.com/1", conn_str = "Server=db;Pwd=zq81;App=x", "x");
    });
    assert_eq!(line["dsn"], "redis://:[redacted]@cache:6379/0");
    assert_eq!(line["sentry_dsn"], "[redacted]");
    assert_eq!(line["conn_str"], "Server=db;Pwd=[redacted];App=x");
}

/// [S38] Fields are hidden by name, path and glob, in spans, contexts and errors too; others are shown by name.
#[test]
fn names_of_a_program() {
    let redaction =
        Redaction::builder().hide(["headers.*", "user.email"]).show(["session_id"]).build().unwrap();
    let line = log_with(
        |layer| layer.redaction(redaction),
        || {
            let context = Context::current().with_field("user.email", "jane@example.com");
            let err = Error::new(Kind::Internal, "m").attr("headers.x", 1).attr("user.name", "jane");
            context.run(|| {
                let _span = info_span!("s", headers.a = true).entered();
                info!(
                    error = as_dyn(&err),
                    headers.b = 2,
                    header = 3,
                    session_id = "17",
                    session = "18",
                    user.email_ok = 4,
                    "x"
                );
            });
        },
    );
    let line = &line[0];
    for name in ["headers.a", "headers.b", "user.email", "session"] {
        assert_eq!(line[name], "[redacted]", "{name}");
    }
    assert_eq!(
        (&line["header"], &line["session_id"], &line["user.email_ok"]),
        (&json!(3), &json!("17"), &json!(4))
    );
    assert_eq!(line["error"]["attrs"], json!({"headers.x": "[redacted]", "user.name": "jane"}));
}

/// [S38] An allow list shows the named fields only; secrets in their texts stay hidden.
#[test]
fn an_allow_list() {
    let redaction = Redaction::builder().show_only(["order", "url", "http.*"]).build().unwrap();
    let line = log_with(
        |layer| layer.redaction(redaction),
        || {
            info!(
                order = 7,
                url = "/?token=zq81",
                http.status = 200,
                customer = 17,
                note = "n",
                "paid 7 with password=zq81"
            );
        },
    );
    let line = &line[0];
    assert_eq!((&line["order"], &line["http.status"]), (&json!(7), &json!(200)));
    assert_eq!(line["url"], "/?token=[redacted]");
    assert_eq!((&line["customer"], &line["note"]), (&json!("[redacted]"), &json!("[redacted]")));
    assert_eq!(line["message"], "paid 7 with password=[redacted]");
}

/// [S38] Patterns of the program, e-mail and IP addresses.
#[test]
fn patterns_and_personal_data() {
    let detectors = Detectors::new().emails().ip_addresses();
    let redaction = Redaction::builder().patterns(["acme_live_*"]).detectors(detectors).build().unwrap();
    let line = log_with(
        |layer| layer.redaction(redaction),
        || {
            info!(
                key = "acme_live_abcd1234",
                short = "acme_live_abc",
                inside = "xacme_live_abcd1234",
                "jane@example.com from 10.0.0.1:80"
            );
        },
    );
    let line = &line[0];
    assert_eq!(line["key"], "[redacted]");
    assert_eq!((&line["short"], &line["inside"]), (&json!("acme_live_abc"), &json!("xacme_live_abcd1234")));
    assert_eq!(line["message"], "[redacted] from [redacted]:80");
}

/// [S38] Equal secrets have equal fingerprints, whatever shows them.
#[test]
fn fingerprints() {
    let key = FingerprintKey::new([7; 16]);
    let redaction = Redaction::builder().fingerprints(key).build().unwrap();
    let line = log_with(
        |layer| layer.redaction(redaction),
        || info!(password = "zq81", pin = 17, token = ?"zq81", "login with password=zq81"),
    );
    let (line, mark) = (&line[0], format!("[redacted:{}]", key.fingerprint("zq81")));
    assert_eq!(line["password"], *mark);
    assert_eq!(line["pin"], format!("[redacted:{}]", key.fingerprint("17")));
    assert_eq!(line["token"], format!("[redacted:{}]", key.fingerprint("\"zq81\"")));
    assert_eq!(line["message"], format!("login with password={mark}"));
}

/// A name or pattern that cannot be meant is an error that quotes it.
#[test]
fn bad_settings_are_errors() {
    for (builder, error) in [
        (Redaction::builder().hide([""]), "\"\" is empty"),
        (Redaction::builder().show(["a b"]), "\"a b\" has a blank or a control character"),
        (Redaction::builder().show_only(["a..b"]), "\"a..b\" has an empty part between dots"),
        (Redaction::builder().hide(["a**"]), "\"a**\" has two stars in a row"),
        (Redaction::builder().patterns(["acme"]), "\"acme\" does not end with a star"),
        (Redaction::builder().patterns(["a*b*"]), "\"a*b*\" has more than one star"),
        (Redaction::builder().patterns(["ab*"]), "\"ab*\" has fewer than three bytes before its star"),
        (
            Redaction::builder().patterns(["a\"bc*"]),
            "\"a\\\"bc*\" has a blank, a quote, a backslash or a character that is not ASCII",
        ),
    ] {
        assert_eq!(builder.build().unwrap_err().to_string(), error);
    }
}

/// [S37] Redacted values, and secrets in texts, are counted.
#[test]
fn redacted_values_are_counted() {
    let lines = LineBuffer::default();
    let layer = JsonLayer::new(lines.clone());
    let losses = layer.losses();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        info!(password = "zq81", url = "/?token=a1&sig=b2", "x");
        info!("password=zq81");
        info!("none");
    });
    assert_eq!(losses.redacted(), 4);
}

/// Without redaction everything is shown.
#[test]
fn redaction_can_be_off() {
    let lines =
        log_with(JsonLayer::without_redaction, || info!(password = "zq81", dsn = "a://b:c@d", "token=zq81"));
    assert_eq!((&lines[0]["password"], &lines[0]["dsn"]), (&json!("zq81"), &json!("a://b:c@d")));
    assert_eq!(lines[0]["message"], "token=zq81");
    assert_eq!(log(|| info!("token=zq81"))[0]["message"], "token=[redacted]");
}
