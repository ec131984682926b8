//! `cargo xtask ci`: the merge gate. It runs the tests first, then the checks that take longer or fail less often.

use crate::{
    bench, features, minimal, published,
    step::{self, Step, Tools},
    test,
    tools::{CARGO_DENY, CARGO_SEMVER_CHECKS, TYPOS},
};

pub(crate) fn run(tools: Tools) -> Result<(), String> {
    step::run(&steps()?, tools)
}

fn steps() -> Result<Vec<Step>, String> {
    let mut steps = test::steps();
    steps.push(Step::check("published crates", published::check));
    steps.push(Step::run("spelling", "typos").with(TYPOS));
    steps.push(Step::run("licences, bans, sources", DENY).with(CARGO_DENY));
    steps.push(Step::check("minimal versions", minimal::check));
    for package in features::packages()? {
        steps.extend(package.alone().into_iter().map(|(name, line)| Step::run(name, line)));
    }
    // Fuzzing needs an instrumented build; a check shows that the target still fits the library.
    for fuzzed in ["buttress-http", "buttress-log"] {
        let command = format!("cargo check --manifest-path crates/{fuzzed}/fuzz/Cargo.toml");
        steps.push(Step::run(format!("fuzz target of {fuzzed}"), command));
    }
    if let Some(line) = published::semver() {
        steps.push(Step::run("semver", line).with(CARGO_SEMVER_CHECKS));
    }
    steps.push(Step::run("bench", format!("{} --quick", bench::COMMAND)));
    Ok(steps)
}

/// The advisories need a network, so they are not part of it: see `docs/CONTRIBUTING.md`.
const DENY: &str =
    "cargo deny --workspace --exclude buttress-benches --exclude xtask check licenses bans sources";
