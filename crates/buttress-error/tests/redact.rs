//! Secrets in texts: what the detectors find, and what they leave alone.

use buttress_error::{
    Detectors, Error, ErrorGroup, Exit, Kind, Violation, is_secret, is_secret_number, redact,
};
use proptest::prelude::*;

/// The lines of a file of `tests/redaction`, split at tabs. `¦` is left out, and `\n` is a line break.
fn rows<const N: usize>(file: &str) -> Vec<[String; N]> {
    let lines = file.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines
        .map(|line| {
            let row: Vec<_> =
                line.split('\t').map(|part| part.replace('¦', "").replace("\\n", "\n")).collect();
            row.try_into().unwrap_or_else(|row| panic!("{row:?}"))
        })
        .collect()
}

fn canaries() -> Vec<[String; 3]> {
    rows(include_str!("../../../tests/redaction/canaries.txt"))
}

fn ordinary() -> Vec<[String; 2]> {
    rows(include_str!("../../../tests/redaction/ordinary.txt"))
}

/// [S38] No planted secret survives in a text.
#[test]
fn planted_secrets_are_redacted() {
    assert!(canaries().len() >= 40);
    let mut left = Vec::new();
    for [name, secret, text] in canaries() {
        assert!(text.contains(&secret), "{name}");
        for text in
            [text.clone(), format!("before {text}"), format!("{text}\nafter"), format!("Error(\"{text}\")")]
        {
            let redacted = redact(&text);
            if redacted.contains(&secret) || !redacted.contains("[redacted]") {
                left.push(format!("{name}: {text} -> {redacted}"));
            }
        }
    }
    assert!(left.is_empty(), "{}", left.join("\n"));
}

/// [S38] Ordinary fields and texts stay as they are, byte for byte.
#[test]
fn ordinary_texts_stay() {
    assert!(ordinary().len() >= 200);
    let changed: Vec<_> = ordinary()
        .into_iter()
        .filter(|[name, text]| is_secret_name(name, text) || redact(text) != *text)
        .map(|[name, text]| format!("{name}: {text} -> {}", redact(&text)))
        .collect();
    assert!(changed.is_empty(), "{}", changed.join("\n"));
}

fn is_secret_name(name: &str, text: &str) -> bool {
    if text.parse::<f64>().is_ok() { is_secret_number(name) } else { is_secret(name) }
}

/// [S38] Personal data stays unless the program asks for its redaction.
#[test]
fn personal_data_goes_on_request() {
    for (text, emails, ips) in [
        (
            "mail to jane.doe+x@example.com bounced",
            "mail to [redacted] bounced",
            "mail to jane.doe+x@example.com bounced",
        ),
        ("<ünï@exämple.org>, b@c.de.", "<[redacted]>, [redacted].", "<ünï@exämple.org>, b@c.de."),
        (
            "user@localhost, @handle, a@1.2",
            "user@localhost, @handle, a@1.2",
            "user@localhost, @handle, a@1.2",
        ),
        (
            "peer 10.0.0.1:5432 and [2001:db8::1]:443",
            "peer 10.0.0.1:5432 and [2001:db8::1]:443",
            "peer [redacted]:5432 and [[redacted]]:443",
        ),
        (
            "at 10:30:00, 1.2.3, 300.1.1.1, a::b",
            "at 10:30:00, 1.2.3, 300.1.1.1, a::b",
            "at 10:30:00, 1.2.3, 300.1.1.1, a::b",
        ),
    ] {
        assert_eq!(Detectors::new().emails().redact(text), emails);
        assert_eq!(Detectors::new().ip_addresses().redact(text), ips);
        assert_eq!(redact(text), text);
    }
}

/// [S38] No planted secret is in a report, or in the serialized form of an error, wherever it was put.
#[test]
fn reports_have_no_secret() {
    for [name, secret, text] in canaries() {
        let inner = Error::new(Kind::Internal, text.clone()).note(text.clone());
        let violation = Violation::new("field", text.clone());
        let group =
            Error::from(ErrorGroup::of([inner.clone(), Error::new(Kind::NotFound, text.clone())]).unwrap());
        let error = Error::wrap(Kind::Unavailable, std::io::Error::other(text.clone()))
            .context(text.clone())
            .caused_by(group)
            .hint(text.clone())
            .attr("body", text.as_str())
            .violation(violation)
            .public(text.clone());
        for shown in [
            format!("{error:?}"),
            error.report().coloured().to_string(),
            format!("{:?}", Exit::from(inner.clone())),
        ] {
            assert!(!shown.contains(&secret) && shown.contains("[redacted]"), "{name}: {shown}");
        }
        #[cfg(feature = "serde")]
        for shown in [serde_json::to_value(&error).unwrap(), serde_json::to_value(error.safe()).unwrap()] {
            let shown = shown.to_string();
            let secret = secret.replace('"', "\\\"");
            assert!(!shown.contains(&secret) && shown.contains("[redacted]"), "{name}: {shown}");
        }
    }
}

/// An address whose longest part begins inside a character.
#[test]
fn no_character_is_cut() {
    let text = format!("{}x@example.com", "é".repeat(40));
    assert_eq!(Detectors::new().emails().redact(&text), format!("{}[redacted]", "é".repeat(9)));
}

/// Parts of texts that detectors look for, to be put together in any order.
fn pieces() -> impl Strategy<Value = String> {
    let fixed: Vec<String> = [
        "password",
        "=",
        ":",
        "\"",
        "'",
        "\\",
        " ",
        "\n",
        "://",
        "@",
        "Bearer ",
        "Basic ",
        "eyJhbGciOiJIUzI1NiJ9",
        ".",
        "AKIA",
        "IOSFODNN7EXAMPLE",
        "ghp_",
        "abcdefghij0123456789",
        "-----BEGIN PRIVATE KEY-----",
        "-----END PRIVATE KEY-----",
        "-----",
        "4242",
        "4242424242424242",
        "-",
        "token",
        "Cookie",
        "Authorization",
        "[redacted]",
        "[redacted",
        "]",
        "[",
        "&",
        ",",
        ";",
        "?",
        "code",
        "Some(",
        ")",
        "é",
        "10.0.0.1",
        "::1",
        "a@b.cd",
        "dXNlcjpw",
        "8Q~",
        "<",
        ">",
        "$",
        "{",
        "}",
        "xxx",
        "%3D",
        "null",
        "17",
    ]
    .map(str::to_owned)
    .to_vec();
    let piece = prop_oneof![8 => prop::sample::select(fixed), 1 => "(?s).{0,6}"];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    /// [S38] Redaction never panics, changes nothing else, and a second time nothing at all.
    #[test]
    fn redaction_is_idempotent(text in pieces(), emails: bool, ips: bool) {
        let mut detectors = Detectors::new();
        if emails { detectors = detectors.emails(); }
        if ips { detectors = detectors.ip_addresses(); }
        let mut kept = String::new();
        let mut at = 0;
        for span in detectors.find(&text) {
            prop_assert!(span.start >= at && span.start < span.end);
            kept.push_str(&text[at..span.start]);
            kept.push_str("[redacted]");
            at = span.end;
        }
        kept.push_str(&text[at..]);
        let once = detectors.redact(&text);
        prop_assert_eq!(&*once, &*kept);
        prop_assert_eq!(&*detectors.redact(&once), &*once);
    }
}
