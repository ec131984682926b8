//! An error as a JSON object: its message, class and advice, its whole chain, what was added to it, and where it was made.

use std::error::Error as StdError;
use std::iter;

use buttress_error::__private::{group_of, holds_details_of, ours};
use buttress_error::{Error, ErrorGroup, Kind, RetryAdvice, Violation, classify, verbatim};

use crate::encode::source_file::is_buttress_source;
use crate::encode::value::{Value, ValueFormat};
use crate::json::array::{MAX_ITEMS, MIN_ROOM, array, array_member, member};
use crate::json::number::integer;
use crate::json::string::{StringWriter, string};
use crate::unwind;

/// The depth at which the search of a chain ends, in case an error is its own source.
const MAX_DEPTH: usize = 64;
/// The number of errors of a group at which counting ends, in case groups share their members.
const MAX_GROUP: usize = 4_096;
/// The longest text of a word that has no share in the limit: a kind, a reason, a domain, a location.
const MAX_WORD: usize = 256;
/// What an object may have beyond its limit, in bytes: keys, marks and numbers.
pub(crate) const OVERHEAD: usize = 2_048;

type ErrorRef<'a> = &'a (dyn StdError + 'static);

/// Appends `{message, kind, reason, domain, retry, attempts, stopped, chain, errors, violations, notes, hints, attrs, at}`.
///
/// All texts together have at most `format.limit` encoded bytes. Unknown members are left out, except `reason`, which is null
/// then, and `chain`.
pub(crate) fn write(out: &mut Vec<u8>, error: ErrorRef<'_>, format: ValueFormat<'_>) {
    let end = out.len() + format.limit;
    let room = |out: &Vec<u8>| end.saturating_sub(out.len());
    let class = unwind::catch(|| classify(error)).unwrap_or(Kind::Unknown.into());
    let chain = Chain::new(error, format);

    out.extend_from_slice(b"{\"message\":");
    chain.write_message(out, error, room(out));
    member(out, "kind");
    string(out, class.kind.as_str(), MAX_WORD);
    member(out, "reason");
    match class.reason {
        Some(reason) => string(out, reason, room(out).min(MAX_WORD)),
        None => out.extend_from_slice(b"null"),
    }
    if let Some(domain) = chain.own_errors().find_map(Error::domain).or(class.domain) {
        member(out, "domain");
        string(out, domain, room(out).min(MAX_WORD));
    }
    member(out, "retry");
    string(out, if class.exhausted { RetryAdvice::Never } else { class.retry }.as_str(), MAX_WORD);
    if let Some(summary) = chain.own_errors().find_map(Error::retry_summary) {
        member(out, "attempts");
        integer(out, summary.attempts);
        member(out, "stopped");
        string(out, summary.stopped.as_str(), MAX_WORD);
    }
    member(out, "chain");
    array(out, end, links(error).skip(1), |out, cause| chain.write_message(out, cause, room(out)));
    if let Some(group) = chain.group {
        array_member(out, end, "errors", group.leaves().take(MAX_GROUP), |out, leaf| {
            let room = room(out);
            let mut text = format.open(out, room);
            text.push_fmt(format_args!("{leaf:#}"));
            text.close();
        });
    }
    let violations = chain.own_errors_and_members().flat_map(Error::violations);
    array_member(out, end, "violations", violations, |out, violation| {
        write_violation(out, violation, end, format);
    });
    let text = |out: &mut Vec<u8>, text: &str| format.string(out, text, room(out));
    array_member(out, end, "notes", chain.own_errors_and_members().flat_map(Error::notes), text);
    array_member(out, end, "hints", chain.own_errors_and_members().flat_map(Error::hints), text);
    write_attrs(out, chain, end, format);
    let location = chain.own_errors().filter_map(Error::location).find(|at| !is_buttress_source(at.file()));
    if let Some(location) = location {
        member(out, "at");
        let mut text = StringWriter::open(out, MAX_WORD);
        text.push_fmt(format_args!("{}:{}", location.file(), location.line()));
        text.close();
    }
    out.push(b'}');
}

/// Appends the object of an error that is only text: it has a message alone.
pub(crate) fn write_text(out: &mut Vec<u8>, message: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(b"{\"message\":");
    message(out);
    out.push(b'}');
}

/// The error and its causes.
fn links(error: ErrorRef<'_>) -> impl Iterator<Item = ErrorRef<'_>> {
    iter::successors(Some(error), |&error| source(error)).take(MAX_DEPTH)
}

fn source(error: ErrorRef<'_>) -> Option<ErrorRef<'_>> {
    unwind::catch(|| error.source()).flatten()
}

/// A chain of errors, some of which may be Buttress's own [`Error`], which has more than its text.
#[derive(Clone, Copy)]
struct Chain<'a> {
    error: ErrorRef<'a>,
    /// The number of links up to the last own one; 0 if there is none. Each member that is written searches the chain, and
    /// most chains end here at once.
    own_len: usize,
    /// The first group of the chain, also one inside an error of another type.
    group: Option<&'a ErrorGroup>,
    format: ValueFormat<'a>,
}

impl<'a> Chain<'a> {
    fn new(error: ErrorRef<'a>, format: ValueFormat<'a>) -> Self {
        let own = links(error).enumerate().filter(|(_, link)| ours(*link).is_some());
        let own_len = own.last().map_or(0, |(index, _)| index + 1);
        Self { error, own_len, group: links(error).find_map(group_of), format }
    }

    fn own_errors(self) -> impl Iterator<Item = &'a Error> {
        let mut outer: Option<&Error> = None;
        // An own error below one of another type may have handed its details to the own error above that one.
        links(self.error).take(self.own_len).filter_map(ours).filter(move |link| {
            let new = !outer.is_some_and(|outer| holds_details_of(outer, link));
            outer = Some(link);
            new
        })
    }

    /// The own errors of the chain, and the members of the group that are not among them.
    fn own_errors_and_members(self) -> impl Iterator<Item = &'a Error> {
        let members = self.group.into_iter().flat_map(ErrorGroup::leaves).take(MAX_GROUP);
        let in_chain = move |member: &Error| self.own_errors().any(|own| std::ptr::eq(own, member));
        self.own_errors().chain(members.filter(move |member| !in_chain(member)))
    }

    /// Appends the message of a link, without the text of its cause where it ends with a colon and that text: the cause is
    /// written next.
    fn write_message(self, out: &mut Vec<u8>, link: ErrorRef<'_>, room: usize) {
        let start = out.len() + 1;
        self.write_display(out, link, room, self.format);
        let Some(cause) = source(link) else { return };
        let end = out.len() - 1;
        // Only to compare: a text with a secret differs, and is then repeated without it.
        self.write_display(out, cause, room, ValueFormat { redactor: None, ..self.format });
        let (message, cause) = (&out[start..end], &out[end + 2..out.len() - 1]);
        let own = message.strip_suffix(cause).and_then(|own| own.strip_suffix(b": "));
        let own_end = own.filter(|own| !own.is_empty() && !cause.is_empty()).map(|own| start + own.len());
        out.truncate(own_end.unwrap_or(end));
        out.push(b'"');
    }

    /// Appends the `Display` of a link. That of an own error would escape line breaks, which happens here anyway.
    fn write_display(self, out: &mut Vec<u8>, link: ErrorRef<'_>, room: usize, format: ValueFormat<'_>) {
        let mut text = format.open(out, room);
        match self.own_len {
            0 => text.push_fmt(format_args!("{link}")),
            _ => text.push_fmt(format_args!("{}", verbatim(link))),
        }
        text.close();
    }
}

fn write_violation(out: &mut Vec<u8>, violation: &Violation, end: usize, format: ValueFormat<'_>) {
    let text = |out: &mut Vec<u8>, text: &str| format.string(out, text, end.saturating_sub(out.len()));
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

/// Appends the attributes: each key once, with the value of the outermost error. A key is written whole or not at all.
fn write_attrs(out: &mut Vec<u8>, chain: Chain<'_>, end: usize, format: ValueFormat<'_>) {
    const MORE: &str = "…";
    let all = || chain.own_errors().flat_map(Error::attrs);
    let is_outermost =
        |(index, (key, _)): &(usize, (&str, _))| all().take(*index).all(|(other, _)| other != *key);
    let (mut written, mut more) = (0, 0);
    for (_, (key, value)) in all().enumerate().filter(is_outermost) {
        if written == MAX_ITEMS || key == MORE || out.len() + 6 * key.len() + MIN_ROOM > end {
            more += 1;
            continue;
        }
        out.extend_from_slice(if written == 0 { b",\"attrs\":{" } else { b"," });
        string(out, key, usize::MAX);
        out.push(b':');
        let limit = end.saturating_sub(out.len());
        ValueFormat { limit, ..format }.write_attr(out, key, Value::from(value));
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
    use crate::number_forms::NumberForms;
    use std::fmt;
    use std::io;

    use buttress_error::{Kind, RetrySummary, StopReason};
    use serde_json::{Value, json};
    use std::time::Duration;

    use super::*;
    use crate::redaction::{Redaction, Redactor};

    fn object(error: ErrorRef<'_>, limit: usize) -> Value {
        let mut out = Vec::new();
        write(
            &mut out,
            error,
            ValueFormat {
                limit,
                redactor: Some(&Redactor::new(Redaction::new())),
                numbers: NumberForms::new(),
            },
        );
        assert!(out.len() <= limit + OVERHEAD, "{} bytes", out.len());
        serde_json::from_slice(&out).unwrap()
    }

    /// [S35] An error keeps message, kind, reason, advice, chain and notes. (Its location is tested from outside.)
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

    /// [S35] Our error is found below a foreign one, with all its details.
    #[test]
    fn our_error_is_found_inside_another() {
        let error = Outer(Box::new(Error::new(Kind::NotFound, "no such order").note("order 7")));
        let object = object(&error, 8_000);
        assert_eq!(object["kind"], "not_found");
        assert_eq!(object["notes"], json!(["order 7"]));
        assert_eq!(object["chain"], json!(["no such order"]));
    }

    /// [S35] An error of ours behind an `Arc` or a `Box` is found, with everything added to it; its notes are written once, also
    /// where it was translated.
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

    /// A message that ends with the text of its cause is written without it.
    #[test]
    fn the_text_of_a_cause_is_not_repeated() {
        #[derive(Debug)]
        struct Message(&'static str, Option<Box<Self>>);
        impl fmt::Display for Message {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.0)
            }
        }
        impl StdError for Message {
            fn source(&self) -> Option<&(dyn StdError + 'static)> {
                self.1.as_deref().map(|cause| cause as _)
            }
        }
        let chain = |texts: [&'static str; 3]| {
            let [a, b, c] = texts;
            object(&Message(a, Some(Box::new(Message(b, Some(Box::new(Message(c, None))))))), 8_000)
        };
        let once = chain(["a: b: \"disk\"", "b: \"disk\"", "\"disk\""]);
        assert_eq!((&once["message"], &once["chain"]), (&json!("a"), &json!(["b", "\"disk\""])));
        let differs = chain(["bad disk", "disk: b", ": c"]);
        assert_eq!(
            (&differs["message"], &differs["chain"]),
            (&json!("bad disk"), &json!(["disk: b", ": c"]))
        );
        let kept = chain([": x", "x", ""]);
        assert_eq!((&kept["message"], &kept["chain"]), (&json!(": x"), &json!(["x", ""])));
    }

    /// [S34] [S35] A chain without end, and a cause that panics, leave a valid object with a mark.
    #[test]
    fn hostile_chains_are_contained() {
        assert_eq!(object(&Endless, 8_000)["chain"].as_array().unwrap().len(), MAX_ITEMS + 1);
        assert_eq!(object(&Endless, 8_000)["chain"][MAX_ITEMS], "…[47 more]");
        let hostile = object(&Outer(Box::new(Hostile)), 8_000);
        assert_eq!(hostile["chain"], json!(["half[display panicked]"]));
    }

    /// [S34] The texts of an object share one limit.
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

    /// [S35] The attempts of an exhausted retry are logged, and its advice is never.
    #[test]
    fn attempts_of_an_exhausted_retry() {
        let mut summary = RetrySummary::new(3, Duration::from_secs(1), StopReason::Attempts);
        summary.exhausted = true;
        let mut outcome: Result<(), Error> = Err(Error::new(Kind::Unavailable, "gone"));
        buttress_error::Classifier::stamp(&buttress_error::ByKind, &mut outcome, &summary);
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
            assert_eq!(object[list][MAX_ITEMS], "…[4 more]");
        }
        assert_eq!(object["attrs"]["…"], "[5 more]");
        assert_eq!(object["attrs"].as_object().unwrap().len(), MAX_ITEMS + 1);
    }
}
