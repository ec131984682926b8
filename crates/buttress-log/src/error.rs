//! An error as a JSON object: what it says, its kind and advice, its whole chain, what was added to it, its place.

use std::error::Error as StdError;
use std::iter;

use buttress_error::__private::{holds_details_of, ours};
use buttress_error::{Error, RetryAdvice, Violation, classify, is_secret, is_secret_number, verbatim};

use crate::contain;
use crate::json::{self, Text};
use crate::key::REDACTED;
use crate::list::{LEAST, MAX_LIST, list, member, some};
use crate::place::is_ours;
use crate::value::Value;

/// How deep a chain is searched at all: a guard against an error that is its own source.
const MAX_DEPTH: usize = 64;
/// How many members of a group are counted at all: a guard against groups that share theirs over and over.
const MAX_LEAVES: usize = 4_096;
/// What an object may be longer than its limit: keys, marks and numbers.
pub(crate) const OVERHEAD: usize = 2_048;

type Link<'a> = &'a (dyn StdError + 'static);

/// Appends `{message, kind, reason, domain, retry, attempts, stopped, chain, errors, violations, notes, hints, attrs, at}`. All
/// strings together have at most `limit` encoded bytes. What nothing is known of is left out, but for `reason`, which is
/// null then, and the chain.
pub(crate) fn write(out: &mut Vec<u8>, error: Link<'_>, limit: usize, redact: bool) {
    let end = out.len() + limit;
    let room = |out: &Vec<u8>| end.saturating_sub(out.len());
    let class = contain::call(|| classify(error)).unwrap_or(buttress_error::Kind::Unknown.into());
    let known = Known::in_chain(error);

    out.extend_from_slice(b"{\"message\":");
    known.display_once(out, error, room(out));
    member(out, "kind");
    json::string(out, class.kind.as_str(), 256);
    member(out, "reason");
    match class.reason {
        Some(reason) => json::string(out, reason, room(out).min(256)),
        None => out.extend_from_slice(b"null"),
    }
    if let Some(domain) = known.links().find_map(Error::origin).or(class.domain) {
        member(out, "domain");
        json::string(out, domain, room(out).min(256));
    }
    member(out, "retry");
    json::string(out, if class.exhausted { RetryAdvice::Never } else { class.retry }.as_str(), 256);
    if let Some(effort) = known.links().find_map(Error::retry_summary) {
        member(out, "attempts");
        json::integer(out, effort.attempts);
        member(out, "stopped");
        json::string(out, effort.stopped.as_str(), 256);
    }
    member(out, "chain");
    list(out, end, links(error).skip(1), |out, cause| known.display_once(out, cause, room(out)));
    if let Some(group) = known.links().find_map(Error::group) {
        some(out, end, "errors", group.leaves().take(MAX_LEAVES), |out, leaf| {
            let mut text = Text::open(out, room(out));
            contain::write(&mut text, format_args!("{leaf:#}"));
            text.close();
        });
    }
    let violations = known.links().flat_map(Error::violations);
    some(out, end, "violations", violations, |out, violation| self::violation(out, violation, end));
    let text = |out: &mut Vec<u8>, text: &str| json::string(out, text, room(out));
    some(out, end, "notes", known.links().flat_map(Error::notes), text);
    some(out, end, "hints", known.links().flat_map(Error::hints), text);
    attrs(out, known, end, redact);
    if let Some(at) = known.links().filter_map(Error::location).find(|at| !is_ours(at.file())) {
        member(out, "at");
        let mut text = Text::open(out, 256);
        contain::write(&mut text, format_args!("{}:{}", at.file(), at.line()));
        text.close();
    }
    out.push(b'}');
}

/// A text where an error should be: an object of the same shape, of which only the message is known.
pub(crate) fn write_message(out: &mut Vec<u8>, message: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(b"{\"message\":");
    message(out);
    out.push(b'}');
}

/// The error and its causes.
fn links(error: Link<'_>) -> impl Iterator<Item = Link<'_>> {
    iter::successors(Some(error), |&error| contain::call(|| error.source()).flatten()).take(MAX_DEPTH)
}

/// Those links that are ours and know more than their text. They are asked for many things, and often there are none: so
/// it is looked up once how far down the chain they reach.
#[derive(Clone, Copy)]
struct Known<'a> {
    error: Link<'a>,
    reach: usize,
}

impl<'a> Known<'a> {
    fn in_chain(error: Link<'a>) -> Self {
        let ours = links(error).enumerate().filter(|(_, link)| ours(*link).is_some());
        Self { error, reach: ours.last().map_or(0, |(place, _)| place + 1) }
    }

    fn links(self) -> impl Iterator<Item = &'a Error> {
        let mut outer: Option<&Error> = None;
        // One below an error of another type has given its notes to the one above it.
        links(self.error).take(self.reach).filter_map(ours).filter(move |link| {
            let new = !outer.is_some_and(|outer| holds_details_of(outer, link));
            outer = Some(link);
            new
        })
    }

    /// What a link says, without the text of its cause where it ends with a colon and that: the cause is written next.
    fn display_once(self, out: &mut Vec<u8>, link: Link<'_>, room: usize) {
        let start = out.len() + 1;
        self.display(out, link, room);
        let Some(cause) = contain::call(|| link.source()).flatten() else { return };
        let end = out.len() - 1;
        self.display(out, cause, room);
        let (own, repeated) = (&out[start..end], &out[end + 2..out.len() - 1]);
        let before = own.strip_suffix(repeated).and_then(|own| own.strip_suffix(b": "));
        let cut = before.filter(|own| !own.is_empty() && !repeated.is_empty()).map(|own| start + own.len());
        out.truncate(cut.unwrap_or(end));
        out.push(b'"');
    }

    /// What a link says. Ours escape what breaks a line, as is done here anyway.
    fn display(self, out: &mut Vec<u8>, link: Link<'_>, room: usize) {
        let mut text = Text::open(out, room);
        match self.reach {
            0 => contain::write(&mut text, format_args!("{link}")),
            _ => contain::write(&mut text, format_args!("{}", verbatim(link))),
        }
        text.close();
    }
}

fn violation(out: &mut Vec<u8>, violation: &Violation, end: usize) {
    let text = |out: &mut Vec<u8>, text: &str| json::string(out, text, end.saturating_sub(out.len()));
    out.extend_from_slice(b"{\"field\":");
    text(out, &violation.field);
    if let Some(reason) = &violation.reason {
        member(out, "reason");
        text(out, reason);
    }
    member(out, "description");
    text(out, &violation.description);
    out.push(b'}');
}

/// The attributes, each key once, as set furthest outside. A key is written whole or not at all.
fn attrs(out: &mut Vec<u8>, known: Known<'_>, end: usize, redact: bool) {
    const MORE: &str = "…";
    let all = || known.links().flat_map(Error::attrs);
    let first = |(place, (key, _)): &(usize, (&str, _))| all().take(*place).all(|(other, _)| other != *key);
    let (mut written, mut more) = (0, 0);
    for (_, (key, value)) in all().enumerate().filter(first) {
        if written == MAX_LIST || key == MORE || out.len() + 6 * key.len() + LEAST > end {
            more += 1;
            continue;
        }
        out.extend_from_slice(if written == 0 { b",\"attrs\":{" } else { b"," });
        json::string(out, key, usize::MAX);
        out.push(b':');
        let value = Value::from(value);
        let secret = if value.is_number() { is_secret_number(key) } else { is_secret(key) };
        if redact && secret {
            out.extend_from_slice(REDACTED.as_bytes());
        } else {
            value.write(out, end.saturating_sub(out.len()), redact);
        }
        written += 1;
    }
    if more > 0 {
        out.extend_from_slice(if written == 0 { b",\"attrs\":{" } else { b"," });
        out.extend_from_slice(format!("\"{MORE}\":\"[{more} more]\"").as_bytes());
    }
    if written + more > 0 {
        out.push(b'}');
    }
}

#[cfg(test)]
mod tests {
    use std::fmt;
    use std::io;

    use buttress_error::{Kind, RetrySummary, StopReason};
    use serde_json::{Value, json};
    use std::time::Duration;

    use super::*;

    fn object(error: Link<'_>, limit: usize) -> Value {
        let mut out = Vec::new();
        write(&mut out, error, limit, true);
        assert!(out.len() <= limit + OVERHEAD, "{} bytes", out.len());
        serde_json::from_slice(&out).unwrap()
    }

    /// [S35] An error keeps message, kind, reason, advice, chain and notes. (Its place is tested from outside.)
    #[test]
    fn our_error_keeps_everything() {
        let reset = io::Error::other("connection reset by peer");
        let error = Error::new(Kind::Timeout, "gateway did not answer")
            .reason("GATEWAY")
            .caused_by(Error::wrap(Kind::Unavailable, reset).note("inner note"))
            .note("while renewing subscription 42");
        assert_eq!(
            object(&error, 8_000),
            json!({
                "message": "gateway did not answer", "kind": "timeout", "reason": "GATEWAY", "retry": "call",
                "chain": ["connection reset by peer"],
                "notes": ["while renewing subscription 42", "inner note"],
            })
        );
    }

    /// [S35] An error of another type keeps its chain, and takes its class from the first link that is known.
    #[test]
    fn a_foreign_error_keeps_its_chain() {
        let error = Outer(Box::new(io::Error::from(io::ErrorKind::ConnectionRefused)));
        assert_eq!(
            object(&error, 8_000),
            json!({
                "message": "outer", "kind": "unavailable", "reason": null, "retry": "call",
                "chain": ["connection refused"],
            })
        );
    }

    /// [S35] Our error is found below a foreign one, with all it knows.
    #[test]
    fn our_error_is_found_inside_another() {
        let error = Outer(Box::new(Error::new(Kind::NotFound, "no such order").note("order 7")));
        let object = object(&error, 8_000);
        assert_eq!(object["kind"], "not_found");
        assert_eq!(object["notes"], json!(["order 7"]));
        assert_eq!(object["chain"], json!(["no such order"]));
    }

    /// [S35] An error of ours behind an `Arc` or a `Box` is found, with all that was added to it; its notes are written
    /// once, also where it was translated.
    #[test]
    fn our_error_is_found_behind_an_arc_or_a_box() {
        let inner = || Error::new(Kind::NotFound, "no such order").note("order 7").attr("order", 7);
        let causes: [Box<dyn StdError + Send + Sync>; 4] = [
            Box::new(inner()),
            Box::new(std::sync::Arc::new(inner())),
            Box::new(Box::new(inner())),
            Box::new(io::Error::other(std::sync::Arc::new(inner()))),
        ];
        for cause in causes {
            let foreign = Outer(cause);
            for object in [
                object(&foreign, 8_000),
                object(&Error::from(Box::<dyn StdError + Send + Sync>::from(foreign)), 8_000),
            ] {
                assert_eq!(object["kind"], "not_found");
                assert_eq!(object["notes"], json!(["order 7"]), "{object}");
                assert_eq!(object["attrs"], json!({"order": 7}));
                assert_eq!(object["chain"], json!(["no such order"]));
            }
        }
    }

    /// Line 19: a text that repeats its cause is written once for each link.
    #[test]
    fn a_chain_that_repeats_its_inner_text_is_written_once() {
        #[derive(Debug)]
        struct Says(&'static str, Option<Box<Self>>);
        impl fmt::Display for Says {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.0)
            }
        }
        impl StdError for Says {
            fn source(&self) -> Option<&(dyn StdError + 'static)> {
                self.1.as_deref().map(|cause| cause as _)
            }
        }
        let says = |texts: [&'static str; 3]| {
            let [a, b, c] = texts;
            object(&Says(a, Some(Box::new(Says(b, Some(Box::new(Says(c, None))))))), 8_000)
        };
        let once = says(["a: b: \"disk\"", "b: \"disk\"", "\"disk\""]);
        assert_eq!((&once["message"], &once["chain"]), (&json!("a"), &json!(["b", "\"disk\""])));
        let differs = says(["bad disk", "disk: b", ": c"]);
        assert_eq!(
            (&differs["message"], &differs["chain"]),
            (&json!("bad disk"), &json!(["disk: b", ": c"]))
        );
        let kept = says([": x", "x", ""]);
        assert_eq!((&kept["message"], &kept["chain"]), (&json!(": x"), &json!(["x", ""])));
    }

    /// [S34] [S35] A chain without end, and a cause that panics, leave a valid object with a mark.
    #[test]
    fn hostile_chains_are_contained() {
        assert_eq!(object(&Endless, 8_000)["chain"].as_array().unwrap().len(), MAX_LIST + 1);
        assert_eq!(object(&Endless, 8_000)["chain"][MAX_LIST], "…[47 more]");
        let hostile = object(&Outer(Box::new(Hostile)), 8_000);
        assert_eq!(hostile["chain"], json!(["half[display panicked]"]));
    }

    /// [S34] The strings of an object share one limit.
    #[test]
    fn long_errors_are_cut() {
        let mut error = Error::new(Kind::Internal, "m".repeat(10_000));
        for note in 0..40 {
            error = error.note(format!("{note}").repeat(500)).caused_by(Outer(Box::new(Endless)));
        }
        let object = object(&error, 1_000);
        assert!(object["message"].as_str().unwrap().ends_with("bytes cut]"));
        assert_eq!(object["notes"], json!(["…[40 more]"]));
    }

    #[derive(Debug)]
    struct Outer(Box<dyn StdError + Send + Sync>);
    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("outer")
        }
    }
    impl StdError for Outer {
        fn source(&self) -> Option<&(dyn StdError + 'static)> {
            Some(&*self.0)
        }
    }

    #[derive(Debug)]
    struct Endless;
    impl fmt::Display for Endless {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("again")
        }
    }
    impl StdError for Endless {
        fn source(&self) -> Option<&(dyn StdError + 'static)> {
            Some(self)
        }
    }

    #[derive(Debug)]
    struct Hostile;
    impl fmt::Display for Hostile {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("half")?;
            panic!("a display that panics")
        }
    }
    impl StdError for Hostile {
        fn source(&self) -> Option<&(dyn StdError + 'static)> {
            panic!("a source that panics")
        }
    }

    /// [S35] The attempts of a retry layer that gave up are told, and its advice is never.
    #[test]
    fn attempts_are_told() {
        let mut effort = RetrySummary::new(3, Duration::from_secs(1), StopReason::Attempts);
        effort.exhausted = true;
        let mut outcome: Result<(), Error> = Err(Error::new(Kind::Unavailable, "gone"));
        buttress_error::Classifier::stamp(&buttress_error::ByKind, &mut outcome, &effort);
        let object = object(&outcome.unwrap_err(), 8_000);
        assert_eq!((&object["attempts"], &object["retry"]), (&json!(3), &json!("never")));
    }

    /// [S34] More items than a list shows are counted, and keys are never cut into each other.
    #[test]
    fn long_lists_are_cut() {
        let keys: Vec<String> = (0..20).map(|n| format!("{}{n}", "k".repeat(100))).collect();
        let mut error = Error::new(Kind::Internal, "m").attr("…", 1);
        for key in keys {
            let key: &'static str = key.leak();
            error = error.note(key).hint(key).attr(key, key).violation(Violation::new(key, key).reason(key));
        }
        for limit in (100..12_000).step_by(7) {
            object(&error, limit);
        }
        let object = object(&error, 30_000);
        for list in ["notes", "hints", "violations"] {
            assert_eq!(object[list][MAX_LIST], "…[4 more]");
        }
        assert_eq!(object["attrs"]["…"], "[5 more]");
        assert_eq!(object["attrs"].as_object().unwrap().len(), MAX_LIST + 1);
    }
}
