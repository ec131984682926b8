//! Every row of the table against an independent copy, and the two exports against the table.

use std::collections::HashSet;
use std::fmt::Write;
use std::{env, fs};

use buttress_error::{BreakerEffect, Kind};

/// Copied by hand from the taxonomy: number, kind, gRPC, HTTP, retry, delivery, fault, breaker, level, exit, sysexits.
const ROWS: &str = "\
1 Cancelled 1 499 Never Unknown Caller no DEBUG 130 130
2 Unknown 2 500 Never Unknown Ourselves failure ERROR 1 70
3 InvalidArgument 3 400 Never Processed Caller no INFO 2 64
4 DeadlineExceeded 4 504 Never Unknown Dependency failure WARN 1 75
5 NotFound 5 404 Never Processed Caller no INFO 1 66
6 AlreadyExists 6 409 Never Processed Caller no INFO 1 73
7 PermissionDenied 7 403 Never Processed Caller no WARN 1 77
8 ResourceExhausted 8 429 Never Processed Environment no WARN 1 71
9 FailedPrecondition 9 400 AfterRemedy Processed Caller no INFO 1 69
10 Aborted 10 409 Operation Processed Caller no INFO 1 75
11 OutOfRange 11 400 Never Processed Caller no INFO 2 65
12 Unimplemented 12 501 Never Processed Ourselves no ERROR 1 69
13 Internal 13 500 Never Unknown Ourselves failure ERROR 1 70
14 Unavailable 14 503 Call Unknown Dependency failure WARN 1 75
15 DataLoss 15 500 Never Processed Ourselves failure ERROR 1 74
16 Unauthenticated 16 401 AfterRemedy Processed Caller no INFO 1 77
32 Throttled 8 429 Call NotProcessed Dependency throttle WARN 1 75
33 Timeout 4 504 Call Unknown Dependency failure WARN 1 75
34 Rejected 14 503 Call NotProcessed Ourselves no WARN 1 75
35 BadResponse 13 502 Never Processed Dependency failure ERROR 1 76
36 Config 13 500 Never NotProcessed Operator no ERROR 2 78
37 Panic 13 500 Never Unknown Ourselves failure ERROR 101 70
";

#[test]
fn each_kind_is_as_its_row_says() {
    let rows = Kind::ALL.map(|kind| {
        format!(
            "{} {kind:?} {} {} {:?} {:?} {:?} {} {} {} {}",
            kind.number(),
            kind.grpc(),
            kind.http(),
            kind.retry(),
            kind.delivery(),
            kind.fault(),
            kind.breaker(),
            kind.level(),
            kind.exit(),
            kind.sysexit(),
        )
    });
    assert_eq!(rows.len(), ROWS.lines().count());
    for (row, expected) in rows.iter().zip(ROWS.lines()) {
        assert_eq!(row, expected);
    }
}

#[test]
fn a_name_is_its_variant_in_snake_case_and_unique() {
    for kind in Kind::ALL {
        let mut snake = String::new();
        for (place, letter) in format!("{kind:?}").char_indices() {
            if place > 0 && letter.is_uppercase() {
                snake.push('_');
            }
            snake.extend(letter.to_lowercase());
        }
        assert_eq!(kind.as_str(), snake);
        assert_eq!(kind.to_string(), snake);
    }
    assert_eq!(Kind::ALL.map(Kind::as_str).into_iter().collect::<HashSet<_>>().len(), Kind::ALL.len());
}

#[test]
fn all_is_in_the_order_of_the_numbers() {
    assert!(Kind::ALL.is_sorted_by(|a, b| a.number() < b.number() && a < b));
}

/// `kinds.json` beside the manifest, for programs in other languages.
#[test]
fn kinds_json_is_the_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/kinds.json");
    let json = json();
    let parsed: serde_json::Value = serde_json::from_str(&json).expect("valid JSON");
    assert_eq!(parsed[13]["kind"], "unavailable");
    assert_eq!(parsed[21]["canonical"], "internal");
    bless(path, &json);
}

/// `docs/kinds.md`, for people: the table between the two marks is generated, the words around it are not.
#[test]
fn the_page_shows_the_table() {
    const OPEN: &str = "<!-- generated from crates/buttress-error/src/table.rs -->\n";
    const CLOSE: &str = "<!-- end -->\n";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/kinds.md");
    let page = fs::read_to_string(path).expect("docs/kinds.md");
    let (before, rest) = page.split_once(OPEN).expect("the opening mark");
    let (_, after) = rest.split_once(CLOSE).expect("the closing mark");
    bless(path, &format!("{before}{OPEN}{}{CLOSE}{after}", markdown()));
}

/// The file has to say this; with `BUTTRESS_BLESS=1` it will.
fn bless(path: &str, expected: &str) {
    if env::var_os("BUTTRESS_BLESS").is_some_and(|bless| bless == "1") {
        fs::write(path, expected).expect("the file can be written");
    }
    let found = fs::read_to_string(path).unwrap_or_default();
    assert!(found == expected, "{path} is stale: run this test once with BUTTRESS_BLESS=1");
}

fn json() -> String {
    let rows = Kind::ALL.map(|kind| {
        format!(
            "  {{\"number\": {}, \"kind\": \"{kind}\", \"canonical\": \"{}\", \"grpc\": {}, \"http\": {}, \
             \"retry\": \"{}\", \"delivery\": \"{}\", \"fault\": \"{}\", \"breaker\": \"{}\", \"level\": \"{}\", \
             \"exit\": {}, \"sysexit\": {}}}",
            kind.number(),
            kind.canonical(),
            kind.grpc(),
            kind.http(),
            kind.retry(),
            kind.delivery(),
            kind.fault(),
            kind.breaker(),
            kind.level(),
            kind.exit(),
            kind.sysexit(),
        )
    });
    format!("[\n{}\n]\n", rows.join(",\n"))
}

fn markdown() -> String {
    let mut page = String::from(
        "| # | Kind | gRPC | HTTP | Retry | Delivery | Fault | Breaker | Level | Exit | sysexits |\n\
         |--:|---|--:|--:|---|---|---|---|---|--:|--:|\n",
    );
    for kind in Kind::ALL {
        let breaker = match kind.breaker() {
            BreakerEffect::No => "–",
            counted => counted.as_str(),
        };
        let _ = writeln!(
            page,
            "| {} | `{kind:?}` | {} | {} | {} | {} | {} | {breaker} | {} | {} | {} |",
            kind.number(),
            kind.grpc(),
            kind.http(),
            words(kind.retry().as_str()),
            words(kind.delivery().as_str()),
            kind.fault(),
            kind.level(),
            kind.exit(),
            kind.sysexit(),
        );
    }
    page
}

fn words(text: &str) -> String {
    text.replace('_', " ")
}
