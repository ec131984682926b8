//! The page of events and the events of the code are the same.
#![allow(clippy::unwrap_used)] // helpers of tests are tests

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn is_event(name: &str) -> bool {
    name.contains('.') && name.chars().all(|c| c.is_ascii_lowercase() || "._".contains(c))
}

/// What follows `before` up to the next quote, if it looks like the name of an event.
fn names(code: &str, before: &str) -> impl Iterator<Item = String> {
    let found = code.split(before).skip(1).filter_map(|rest| rest.split(['"', '\\']).next());
    found.filter(|name| is_event(name)).map(str::to_owned)
}

fn sources(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|end| end == "rs") {
            text.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn the_page_lists_every_event_and_no_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = fs::read_to_string(root.join("docs/events.md")).unwrap();
    let mut code = String::new();
    for layer in ["breaker", "context", "log", "ratelimit", "retry", "timeout"] {
        sources(&root.join(format!("crates/buttress-{layer}/src")), &mut code);
    }
    let calls = [
        "event = \"",
        "emit!(INFO, \"",
        "emit!(WARN, \"",
        "WARN,\n        \"",
        // The records that the log encodes itself.
        r#"\"event\":\""#,
        "(\"event\", Value::Str(\"",
    ];
    let emitted: BTreeSet<_> = calls.iter().flat_map(|call| names(&code, call)).collect();
    let listed = page.split('`').filter(|name| is_event(name) && !name.ends_with(".md")).map(str::to_owned);
    assert_eq!(listed.collect::<BTreeSet<_>>(), emitted);
}
