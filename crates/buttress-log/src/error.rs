//! An error as a JSON object: what it says, its kind and advice, its whole chain, its notes, its place.

use std::error::Error as StdError;
use std::iter;

use buttress_error::{Error, classify};

use crate::contain;
use crate::json::{self, Text};

/// How many causes, and how many notes, are written; a mark tells of more.
const MAX_LIST: usize = 16;
/// How deep a chain is searched at all: a guard against an error that is its own source.
const MAX_DEPTH: usize = 64;
/// What an object may be longer than its limit: keys, marks and numbers.
pub(crate) const OVERHEAD: usize = 2_048;

type Link<'a> = &'a (dyn StdError + 'static);

/// Appends `{message, kind, reason, retry, attempts, chain, notes, at}`. All strings together have at most `limit`
/// encoded bytes. `attempts`, `notes` and `at` are left out where nothing is known.
pub(crate) fn write(out: &mut Vec<u8>, error: Link<'_>, limit: usize) {
    let start = out.len();
    let room = |out: &Vec<u8>| limit.saturating_sub(out.len() - start);
    let class = contain::call(|| classify(error)).unwrap_or(buttress_error::Kind::Unknown.into());

    out.extend_from_slice(b"{\"message\":");
    display(out, error, room(out));
    out.extend_from_slice(b",\"kind\":\"");
    out.extend_from_slice(class.kind.as_str().as_bytes());
    out.extend_from_slice(b"\",\"reason\":");
    match class.reason {
        Some(reason) => json::string(out, reason, room(out).min(256)),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"retry\":\"");
    let retry = if class.exhausted { buttress_error::Retry::Never } else { class.retry };
    out.extend_from_slice(retry.as_str().as_bytes());
    out.push(b'"');
    if let Some(effort) = known(error).find_map(Error::effort) {
        out.extend_from_slice(b",\"attempts\":");
        json::integer(out, effort.attempts);
    }
    out.extend_from_slice(b",\"chain\":");
    list(out, links(error).skip(1), |out, cause| display(out, cause, room(out)));
    if known(error).any(|error| error.notes().len() > 0) {
        out.extend_from_slice(b",\"notes\":");
        list(out, known(error).flat_map(Error::notes), |out, note| json::string(out, note, room(out)));
    }
    if let Some(at) = known(error).find_map(Error::location) {
        out.extend_from_slice(b",\"at\":");
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

/// Those links that are ours and know more than their text.
fn known(error: Link<'_>) -> impl Iterator<Item = &Error> {
    links(error).filter_map(|link| link.downcast_ref())
}

fn display(out: &mut Vec<u8>, error: Link<'_>, room: usize) {
    let mut text = Text::open(out, room);
    contain::write(&mut text, format_args!("{error}"));
    text.close();
}

fn list<T>(out: &mut Vec<u8>, mut items: impl Iterator<Item = T>, write: impl Fn(&mut Vec<u8>, T)) {
    out.push(b'[');
    for (place, item) in items.by_ref().take(MAX_LIST).enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write(out, item);
    }
    let more = items.count();
    if more > 0 {
        out.extend_from_slice(format!(",\"…[{more} more]\"").as_bytes());
    }
    out.push(b']');
}

#[cfg(test)]
mod tests {
    use std::{fmt, io};

    use buttress_error::{Effort, Kind, Stop};
    use serde_json::{Value, json};
    use std::time::Duration;

    use super::*;

    fn object(error: Link<'_>, limit: usize) -> Value {
        let mut out = Vec::new();
        write(&mut out, error, limit);
        assert!(out.len() <= limit + OVERHEAD, "{} bytes", out.len());
        serde_json::from_slice(&out).unwrap()
    }

    /// [S35] An error keeps message, kind, reason, advice, chain, notes and place.
    #[test]
    fn our_error_keeps_everything() {
        let reset = io::Error::other("connection reset by peer");
        let error = Error::new(Kind::Timeout, "gateway did not answer")
            .reason("GATEWAY")
            .caused_by(Error::wrap(Kind::Unavailable, reset).note("inner note"))
            .note("while renewing subscription 42");
        let line = line!() - 4;
        assert_eq!(
            object(&error, 8_000),
            json!({
                "message": "gateway did not answer", "kind": "timeout", "reason": "GATEWAY", "retry": "call",
                "chain": ["connection reset by peer"],
                "notes": ["while renewing subscription 42", "inner note"],
                "at": format!("{}:{line}", file!()),
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
        assert_eq!(object["notes"][MAX_LIST], "…[24 more]");
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
        let mut effort = Effort::new(3, Duration::from_secs(1), Stop::Attempts);
        effort.exhausted = true;
        let mut outcome: Result<(), Error> = Err(Error::new(Kind::Unavailable, "gone"));
        buttress_error::Classifier::stamp(&buttress_error::ByKind, &mut outcome, &effort);
        let object = object(&outcome.unwrap_err(), 8_000);
        assert_eq!((&object["attempts"], &object["retry"]), (&json!(3), &json!("never")));
    }
}
