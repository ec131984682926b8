//! Files with mistakes in them, and the directory that they are read from.

#![allow(clippy::unwrap_used)] // helpers of tests are tests

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env, fs};

use serde_json::Value;

use crate::suite::{Area, Report, run};
use crate::{backoff, breaker, grpc_timeout, http_classify, retry, retry_after, traceparent};

/// A new directory with these files.
fn scenarios(name: &str, files: &[(&str, &str)]) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("scenarios").join(name);
    if directory.exists() {
        fs::remove_dir_all(&directory).unwrap();
    }
    fs::create_dir_all(&directory).unwrap();
    for (file, text) in files {
        fs::write(directory.join(file), text).unwrap();
    }
    directory
}

fn report<A: Area>(name: &str, text: &str) -> Report {
    run::<A>(&scenarios(name, &[(&format!("{}.json", A::NAME), text)])).unwrap()
}

fn file(area: &str, cases: &str) -> String {
    format!(r#"{{"schema": "{area}/1", "cases": [{cases}]}}"#)
}

const GOOD: &str = r#"{"name": "good", "source": "here", "values": ["2"], "now": "2019-06-03T11:00:00Z", "expect": {"delay_ms": 2000}}"#;

/// What is no scenario file, or has nothing in it, is a failure.
#[test]
fn files_are_read_strictly() {
    let good = file("retry_after", GOOD);
    let table = [
        (good.clone(), None),
        (good.replace("retry_after/1", "retry_after/2"), Some("schema")),
        (good.replace(r#""schema""#, r#""version": 1, "schema""#), Some("unknown field `version`")),
        (good.replace(r#""schema": "retry_after/1", "#, ""), Some("missing field `schema`")),
        (file("retry_after", ""), Some("no cases")),
        ("[]".to_owned(), Some("invalid length")),
        ("{".to_owned(), Some("EOF")),
        (
            file("retry_after", &format!("{GOOD}, {GOOD}")),
            Some(r#""good" is the name of more than one case"#),
        ),
    ];
    for (n, (text, expected)) in table.into_iter().enumerate() {
        let report = report::<retry_after::Case>(&format!("strict-{n}"), &text);
        match expected {
            None => assert!(report.failures.is_empty() && report.cases == 1, "{report}"),
            Some(expected) => assert!(report.to_string().contains(expected), "{text}: {report}"),
        }
    }
}

/// An unknown key, word or step is a failure that shows the case and where it is.
#[test]
fn unknown_words_fail() {
    fn fails<A: Area>(case: &str, shown: &[&str]) {
        let label = r#""name": "odd one", "source": "here""#;
        let report =
            report::<A>(&format!("unknown-{}", A::NAME), &file(A::NAME, &format!("{{{label}, {case}}}")));
        assert_eq!(report.cases, 1, "{report}");
        for shown in ["odd one", "here"].iter().chain(shown) {
            assert!(report.to_string().contains(shown), "{shown}: {report}");
        }
    }

    let breaker = r#""config": {"window": {"kind": "count", "size": 2}, "failure_rate_threshold": 0.5, "open_ms": 1, "half_open_calls": 1}"#;
    for step in [
        r#"{"at_ms":0,"sing":"ok"}"#,
        r#"{"at_ms":0,"state":"ajar"}"#,
        r#"{"at_ms":0,"call":"hiccup","expect":"permitted"}"#,
        r#"{"at_ms":0,"call":"ok","expect":"maybe"}"#,
        r#"{"at_ms":0,"call":"ok","expect":"permitted","loud":true}"#,
        r#"{"at_ms":0,"counts":{"failures":1}}"#,
        r#"{"at_ms":0,"counts":{}}"#,
        r#"{"at_ms":0,"finish":"nobody","outcome":"ok"}"#,
    ] {
        let value: Value = serde_json::from_str(step).unwrap();
        fails::<breaker::Case>(&format!(r#"{breaker}, "steps": [{step}]"#), &["step", &value.to_string()]);
    }
    fails::<breaker::Case>(&format!(r#"{breaker}, "steps": []"#), &["an empty list"]);
    fails::<breaker::Case>(&format!(r#"{}, "steps": []"#, breaker.replace("count", "moon")), &["moon"]);
    fails::<breaker::Case>(
        &format!(
            r#"{breaker}, "steps": [{{"at_ms": 5, "force": "reset"}}, {{"at_ms": 4, "force": "reset"}}]"#
        ),
        &["step 2", "later than at_ms"],
    );

    let fixed = r#""config": {"kind": "fixed", "base_ms": 1}"#;
    fails::<backoff::Case>(&format!(r#"{fixed}, "steps": [{{"attempt": 1, "delay": 1}}]"#), &["step"]);
    fails::<backoff::Case>(
        r#""config": {"kind": "fixed", "base_ms": 1, "increment_ms": 1}, "steps": []"#,
        &["increment_ms"],
    );
    fails::<backoff::Case>(
        r#""config": {"kind": "fixed", "base_ms": 1, "jitter": {"kind": "full", "factor": 1.0}}, "steps": []"#,
        &["factor"],
    );

    let config = r#""config": {"max_attempts": 2, "backoff": {"kind": "fixed", "base_ms": 0}}"#;
    let expect = r#""expect": {"attempts": 1, "sleeps_ms": [], "result": "ok", "ended_by": "success"}"#;
    for (step, shown) in [
        (format!(r#"{{"at_ms": 0, "script": [{{"outcome": "superb"}}], {expect}}}"#), "superb"),
        (format!(r#"{{"at_ms": 0, "script": [{{"outcome": "ok", "mood": 1}}], {expect}}}"#), "mood"),
        (format!(r#"{{"at_ms": 0, "script": [], {expect}}}"#), r#""script":[]"#),
        (r#"{"at_ms": 0, "deposit": 1}"#.to_owned(), "no operation"),
    ] {
        fails::<retry::Case>(&format!(r#"{config}, "steps": [{step}]"#), &["step", shown]);
    }

    let answer = r#""request": {"method": "GET"}, "response": {"status": 200}"#;
    fails::<http_classify::Case>(&format!(r#"{answer}, "expect": {{"colour": "red"}}"#), &["colour"]);
    fails::<http_classify::Case>(&format!(r#"{answer}, "expect": {{}}"#), &["nothing is expected"]);
    fails::<http_classify::Case>(&format!(r#"{answer}, "expect": {{"kind": "odd"}}"#), &["odd"]);
    let answer = format!(r#"{answer}, "expect": {{"kind": "ok"}}"#);
    fails::<http_classify::Case>(&format!(r#"{answer}, "profile": "side""#), &["side"]);
    fails::<http_classify::Case>(&format!(r#"{answer}, "transport_error": "flood""#), &["flood"]);
    fails::<http_classify::Case>(r#""request": {"method": "GET"}, "expect": {"kind": "ok"}"#, &["either"]);
    fails::<retry_after::Case>(r#""values": [], "now": "2019-06-03T11:00:00Z", "expect": {}"#, &["delay_ms"]);
    fails::<retry_after::Case>(r#""values": [], "now": "noon", "expect": {"delay_ms": null}"#, &["noon"]);
    for (step, shown) in [
        (r#""op": "guess", "value": "1S", "expect": {"invalid": true}"#, "guess"),
        (r#""op": "parse", "value": "1S", "expect": {"invalid": false}"#, "invalid"),
        (r#""op": "parse", "value": "1S", "expect": {"secs": 1}"#, "Parsed"),
        (r#""op": "parse", "value": "1S", "unit": "S", "expect": {"invalid": true}"#, "unit"),
        (r#""op": "format", "secs": 1, "nanos": 0, "expect": {"value_any_of": []}"#, "empty list"),
    ] {
        fails::<grpc_timeout::Case>(step, &[shown]);
    }
    let header = r#""headers": [["traceparent", "00-12345678901234567890123456789012-1234567890123456-01"]]"#;
    for (expect, shown) in [
        (r#""valid": false"#, "valid"),
        (r#""valid": true, "trace_id": "1""#, "trace id"),
        (r#""valid": true, "parent_id": "1""#, "parent id"),
        (r#""valid": true, "sampled": false"#, "sampled"),
        (r#""valid": true, "random": true"#, "random"),
        (r#""valid": true, "out_flags": "03""#, "flags going out"),
        (r#""valid": true, "state": """#, "state"),
    ] {
        fails::<traceparent::Case>(&format!(r#"{header}, "expect": {{{expect}}}"#), &[shown]);
    }
}

/// Runs this test program as CI does, on another directory.
fn rerun(directory: &Path, test: &str) -> (bool, String) {
    let program = env::current_exe().unwrap();
    let output = Command::new(program).args(["--exact", test]).env("BUTTRESS_SCENARIOS", directory).output();
    let Output { status, stdout, stderr } = output.unwrap();
    (status.success(), String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr))
}

/// The environment variable names the directory; all cases are run, and each that fails is told of.
#[test]
fn another_directory() {
    let good = scenarios("good", &[("retry_after.json", &file("retry_after", GOOD)), ("README.md", "")]);
    let (success, output) = rerun(&good, "retry_after");
    assert!(success && output.contains("retry_after: 1 cases"), "{output}");
    let (success, output) = rerun(&good, "breaker");
    assert!(success && output.contains("breaker: skipped"), "{output}");
    let (success, output) = rerun(&good, "files");
    assert!(
        success && output.contains("breaker: skipped") && output.contains("baggage: skipped"),
        "{output}"
    );

    let wrong = |name: &str| GOOD.replace("good", name).replace("2000", "2001");
    let cases = [&wrong("first wrong"), GOOD, &wrong("second wrong")].join(",");
    let bad = scenarios("bad", &[("retry_after.json", &file("retry_after", &cases)), ("baggage.json", "{}")]);
    let (success, output) = rerun(&bad, "retry_after");
    assert!(!success && output.contains("first wrong") && output.contains("second wrong"), "{output}");
    assert!(
        output.contains("2 failures in 3 cases") && output.contains("expected Some(2.001s), got Some(2s)"),
        "{output}"
    );
    let (success, output) = rerun(&bad, "files");
    assert!(success && output.contains("baggage: skipped, the context does not hold it yet"), "{output}");

    let odd = scenarios("odd", &[("retry-after.json", "{}")]);
    let (success, output) = rerun(&odd, "files");
    assert!(!success && output.contains("retry-after"), "{output}");
    for test in ["files", "retry_after"] {
        assert!(!rerun(&odd.join("missing"), test).0, "a directory that is missing");
    }
}

/// The patterns without a crate are skipped by name, with the reason.
#[test]
fn areas_that_are_not_built_are_skipped_by_name() {
    let areas = ["bulkhead", "coalesce", "hedge"];
    let files = areas.map(|area| (format!("{area}.json"), "{}"));
    let later = scenarios("later", &files.each_ref().map(|(name, text)| (name.as_str(), *text)));
    let (success, output) = rerun(&later, "files");
    for area in areas {
        let line = format!("{area}: skipped, the crate of this pattern does not exist yet");
        assert!(success && output.contains(&line), "{output}");
    }
}
