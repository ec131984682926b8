//! `cargo xtask test`: everything that has to pass, in one command.
//!
//! All steps build with all features and the same flags, so each dependency is built once to check and once to run.
//! `cargo xtask ci` builds each feature alone.

use crate::{command, demo, paths, promises, readme, step::Step, tools};

/// The command of users and of the CI.
pub(crate) const COMMAND: &str = "cargo xtask test";

/// The models that loom runs in every interleaving: every module `model`.
const MODELS: &str = "RUSTFLAGS=--cfg=buttress_loom cargo test --release -p buttress-breaker -p buttress-ratelimit -p buttress-retry --lib --target-dir target/loom -- model::";

pub(crate) fn steps() -> Vec<Step> {
    let mut steps = vec![
        Step::check("tools", tools::check),
        Step::run("format", "cargo fmt --all -- --check"),
        Step::run("clippy", "cargo clippy --workspace --all-features --all-targets -- -D warnings"),
        Step::run("docs", "RUSTDOCFLAGS=-Dwarnings cargo doc --workspace --all-features --no-deps"),
        // With the scenarios: `cargo test --workspace --test scenarios` runs them alone.
        Step::run("tests", "cargo test --workspace --all-features --lib --bins --tests --no-fail-fast"),
        // Its flag would rebuild everything, so it has a target directory of its own.
        Step::run("models", MODELS),
        Step::run("doctests", "cargo test --workspace --all-features --doc --no-fail-fast"),
    ];
    steps.extend(examples());
    steps.push(Step::check("readme", readme::check));
    steps.push(Step::check("promises", promises::check));
    steps.push(Step::check("paths", paths::check));
    steps
}

/// The examples are a workspace of their own with a lock file of their own.
fn examples() -> Vec<Step> {
    let examples = command::root().join("examples");
    if !examples.join("Cargo.toml").is_file() {
        return vec![Step::check("examples", || {
            println!("there are no examples");
            Ok(())
        })];
    }
    let cargo = |task, flags| format!("cargo {task} --manifest-path examples/Cargo.toml {flags}");
    let mut steps = vec![
        Step::run("examples: format", cargo("fmt", "--all -- --check")),
        Step::run("examples: clippy", cargo("clippy", "--workspace --all-targets -- -D warnings")),
        Step::run("examples: tests", cargo("test", "--workspace --no-fail-fast")),
    ];
    if examples.join("outage/Cargo.toml").is_file() {
        steps.push(Step::run("examples: outage", demo::COMMAND));
    }
    if examples.join("token/Cargo.toml").is_file() {
        steps.push(Step::run("examples: token", cargo("run", "-p token")));
    }
    steps
}
