//! Any bytes at all as a problem body: nothing panics, and what is read is read the same again.
//!
//! In a process of its own, as it fills the list of reasons.
#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

use buttress_error::{Class, Error, Handled, Kind, Violation};
use buttress_http::ProblemDetails;
use fastrand::Rng;
use proptest::prelude::*;

fn check(bytes: &[u8]) -> bool {
    let Some(problem) = ProblemDetails::from_json(bytes) else { return false };
    let written = problem.to_json();
    assert!(written.len() <= bytes.len().max(2), "{written}");
    let again = ProblemDetails::from_json(written.as_bytes());
    assert_eq!(again.as_ref(), Some(&problem), "{}", String::from_utf8_lossy(bytes));
    let class = problem.class(Class::new(Kind::Unknown));
    assert!(!matches!(class.kind, Kind::Rejected | Kind::Config | Kind::Panic));
    true
}

/// Bodies to begin with: one with every member, and forms that others send.
fn seeds() -> Vec<Vec<u8>> {
    let full = Error::new(Class::new(Kind::Throttled).exhausted(), "x")
        .reason("TOO_MANY")
        .public("slow down")
        .hint("later")
        .retry_after(std::time::Duration::from_millis(1_500))
        .violation(Violation::new("a[1].b", "is \"wrong\"").reason("WRONG"));
    let text = [
        ProblemDetails::of(&full, Handled::No).to_json(),
        r#"{"type":"https://example.org/p","title":"Busy","status":503,"instance":"/a/b","delivery":"not_processed"}"#.into(),
        r#"{"error":{"code":404,"status":"NOT_FOUND","message":"no"}}"#.into(),
        r#"{"kind":"panic","retry":"after_remedy","retry_after_ms":18446744073709551615,"status":70000}"#.into(),
        "[".repeat(200),
        r#"{"detail":"\ud83d\ude00 \u0000"}"#.into(),
    ];
    text.into_iter().map(String::into_bytes).collect()
}

/// Pieces that break parsers.
const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "\"",
    ",",
    ":",
    "null",
    "true",
    "-1",
    "1e999",
    "\\u0000",
    "\\ud800",
    "\u{1b}[31m",
    "\u{feff}",
    "\"kind\":\"not_found\"",
    "\"retry\":\"call\"",
    "\"violations\":[{}]",
    "\"reason\":\"A_B\"",
    "\"status\":404",
    "é",
    "\"hints\":[\"a\\nb\"]",
    "\"detail\":\"",
    "\"retry_after_ms\":0.5",
    "18446744073709551616",
];

fn mutate(rng: &mut Rng, bytes: &mut Vec<u8>) {
    let at = rng.usize(0..=bytes.len());
    match rng.u8(0..6) {
        0 => bytes.truncate(at),
        1 => bytes.insert(at, rng.u8(..)),
        2 if at < bytes.len() => bytes[at] = rng.u8(..),
        3 if at < bytes.len() => drop(bytes.remove(at)),
        4 => {
            let end = rng.usize(at..=bytes.len()).min(at + 40);
            let part = bytes[at..end].to_vec();
            bytes.splice(at..at, part);
        }
        _ => {
            let piece = PIECES[rng.usize(..PIECES.len())].bytes();
            bytes.splice(at..at, piece);
        }
    }
}

/// 100,000 bodies, each some steps away from a good one, the same in every run.
#[test]
fn mutated_bodies() {
    let (mut rng, seeds) = (Rng::with_seed(9457), seeds());
    let mut accepted = 0;
    for _ in 0..100_000 {
        let mut bytes = seeds[rng.usize(..seeds.len())].clone();
        for _ in 0..rng.u8(0..5) {
            mutate(&mut rng, &mut bytes);
        }
        accepted += u32::from(check(&bytes));
    }
    // A generator that only makes nonsense would prove nothing.
    assert!((10_000..90_000).contains(&accepted), "{accepted}");
}

proptest! {
    #[test]
    fn any_bytes(bytes: Vec<u8>) {
        check(&bytes);
    }

    #[test]
    fn any_member(name in "type|title|status|detail|kind|reason|retry|delivery|retry_after_ms|violations|hints|request_id", value in "\\PC{0,60}") {
        check(format!("{{\"{name}\":{value}}}").as_bytes());
        check(serde_json::json!({ name: value }).to_string().as_bytes());
    }
}
