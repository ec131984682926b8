//! The table of features in the crate docs, and the manifest.
#![allow(clippy::unwrap_used)] // helpers of tests are tests

use std::collections::{BTreeMap, BTreeSet};

type Features = BTreeMap<&'static str, Vec<&'static str>>;

/// What is for tests, and in no other feature.
const FOR_TESTS: [&str; 1] = ["test-util"];

/// The features of the manifest, and what each switches on.
fn manifest() -> Features {
    let text = include_str!("../Cargo.toml");
    let features = text.split("\n[features]\n").nth(1).unwrap().split("\n[").next().unwrap();
    let lines = features.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, list) = line.split_once(" = ").unwrap();
            let list = list.strip_prefix('[').and_then(|list| list.strip_suffix(']')).unwrap();
            (name, list.split(", ").map(|feature| feature.trim_matches('"')).collect())
        })
        .collect()
}

/// What `feature` switches on in this crate, itself included.
fn closure(features: &Features, feature: &'static str) -> BTreeSet<&'static str> {
    let mut on = BTreeSet::from([feature]);
    for other in features[feature].iter().filter(|other| features.contains_key(*other)) {
        on.extend(closure(features, other));
    }
    on
}

/// The table: name, default, full, what it adds.
fn table() -> Vec<[&'static str; 4]> {
    let text = include_str!("../README.md").split("## Features").nth(1).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    rows.map(|line| {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        [cells[0].trim_matches('`'), cells[1], cells[2], cells[3]]
    })
    .collect()
}

/// the table lists every feature once, and says of each whether it is in the default and in `full`.
#[test]
fn the_table_is_the_manifest() {
    let features = manifest();
    let (default, full) = (closure(&features, "default"), closure(&features, "full"));
    let listed: BTreeSet<_> = table().iter().map(|row| row[0]).collect();
    let named: BTreeSet<_> = features.keys().copied().filter(|name| *name != "default").collect();
    assert_eq!(listed, named);
    assert_eq!(table().len(), listed.len(), "none twice");
    for [name, in_default, in_full, adds] in table() {
        let yes = |on: bool| if on { "yes" } else { "no" };
        assert_eq!(in_default, yes(default.contains(name)), "{name}: default");
        assert!(name == "full" || in_full == yes(full.contains(name)), "{name}: full");
        assert!(!adds.is_empty(), "{name}");
    }
}

/// `full` is everything for production, and nothing for tests.
#[test]
fn full_is_for_production() {
    let features = manifest();
    let full = closure(&features, "full");
    let left_out: Vec<_> = features.keys().copied().filter(|name| !full.contains(name)).collect();
    assert_eq!(left_out, FOR_TESTS);
}
