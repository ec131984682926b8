//! Every expectation of every case counts: a wrong one is noticed.

#![allow(clippy::unwrap_used)] // helpers of tests are tests

use serde_json::{Value, json};

use crate::suite::{Area, read, run_case};
use crate::{backoff, breaker, directory, grpc_timeout, http_classify, retry, retry_after};

/// The keys of what is expected; everything else in a case is told.
const EXPECTED: [&str; 8] =
    ["counts", "delay_ms", "expect", "failure_rate", "granted", "range_ms", "slow_rate", "state"];

/// Words of one sort: another of them is a wrong expectation, and not an unknown word.
const WORDS: [&[&str]; 4] = [
    &["permitted", "rejected"],
    &["closed", "open", "half_open"],
    &["ok", "permanent", "transient", "throttled", "timeout", "cancelled"],
    &["success", "not_retryable", "attempts", "deadline", "budget"],
];

/// Every expectation of every case, turned into a wrong one, is noticed in each of these ways.
fn each_expectation_counts<A: Area>(ways: &[&str]) {
    let path = directory::own().join(A::NAME).with_extension("json");
    let mut unnoticed = Vec::new();
    for case in read::<A>(&path).unwrap() {
        let mut places = Vec::new();
        expectations(&case, "", false, &mut places);
        if places.is_empty() && !case.to_string().contains("at_least_ms") {
            unnoticed.push(format!("{case} expects nothing"));
        }
        for place in places {
            let mut wrong = case.clone();
            falsify(wrong.pointer_mut(&place).unwrap(), &place);
            // A budget by itself has one way only.
            let ways = if place.ends_with("granted") { &[] } else { ways };
            match run_case::<A>(wrong) {
                Err(trouble) if ways.iter().all(|way| trouble.contains(&format!("through {way}: "))) => {}
                other => unnoticed.push(format!("{place} of {case}: {other:?}")),
            }
        }
    }
    assert!(unnoticed.is_empty(), "wrong, and not noticed: {unnoticed:#?}");
}

/// The places of single expectations; a list is one. (`at_least_ms` has no upper end that would be wrong.)
fn expectations(value: &Value, place: &str, expected: bool, places: &mut Vec<String>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(key, value)| {
            let expected = expected || EXPECTED.contains(&key.as_str());
            expectations(value, &format!("{place}/{key}"), expected, places);
        }),
        Value::Array(items) if !expected => items.iter().enumerate().for_each(|(n, value)| {
            expectations(value, &format!("{place}/{n}"), expected, places);
        }),
        _ if expected => places.push(place.to_owned()),
        _ => {}
    }
}

fn falsify(value: &mut Value, place: &str) {
    *value = match &*value {
        Value::Bool(yes) => json!(!yes),
        Value::Null => json!(1),
        Value::Number(number) if place.ends_with("_rate") => json!(number.as_f64().unwrap() + 0.001),
        Value::Number(number) => json!(number.as_u64().unwrap() + 1),
        Value::Array(sleeps) if place.ends_with("sleeps_ms") => {
            json!(sleeps.iter().cloned().chain([json!(1)]).collect::<Vec<_>>())
        }
        Value::Array(_) if place.ends_with("value_any_of") => json!(["another"]),
        Value::Array(range) => json!([range[1].as_u64().unwrap() + 1, range[1].as_u64().unwrap() + 1]),
        Value::String(word) => match WORDS.iter().find(|words| words.contains(&word.as_str())) {
            Some(words) => json!(words.iter().find(|other| *other != word)),
            None => json!(format!("not {word}")),
        },
        Value::Object(_) => unreachable!("the places are those of single values"),
    };
}

#[test]
fn each_backoff_counts() {
    each_expectation_counts::<backoff::Case>(&[]);
}

#[test]
fn each_breaker_counts() {
    each_expectation_counts::<breaker::Case>(&["Permit", "Closure", "Layer"]);
}

#[test]
fn each_http_classify_counts() {
    each_expectation_counts::<http_classify::Case>(&["Errors", "Statuses"]);
}

#[test]
fn each_retry_counts() {
    each_expectation_counts::<retry::Case>(&["Function", "Layer"]);
}

#[test]
fn each_retry_after_counts() {
    each_expectation_counts::<retry_after::Case>(&[]);
}

#[test]
fn each_grpc_timeout_counts() {
    each_expectation_counts::<grpc_timeout::Case>(&[]);
}
