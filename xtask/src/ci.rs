//! `cargo xtask ci`: the tests, and what takes longer or tells less often.

use crate::{bench, features, step::Step, test};

pub(crate) fn steps() -> Result<Vec<Step>, String> {
    let mut steps = test::steps();
    for package in features::packages()? {
        steps.extend(package.alone().into_iter().map(|(name, line)| Step::run(name, line)));
    }
    // The fuzzer itself needs an instrumented build; that its target still fits the library is seen without one.
    steps.push(Step::run("fuzz target", "cargo check --manifest-path crates/buttress-http/fuzz/Cargo.toml"));
    steps.push(Step::run("bench", format!("{} --quick", bench::COMMAND)));
    Ok(steps)
}
