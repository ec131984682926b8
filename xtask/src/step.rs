//! A step: a heading, some work, and the time it took. The first one that fails ends the run.

use crate::command;
use std::{process::Stdio, time::Duration};

#[expect(clippy::disallowed_types, reason = "the user's time, not a test's")]
use std::time::Instant;

pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) work: Work,
}

pub(crate) enum Work {
    /// A command as one would type it.
    Run(String),
    /// Something that no command says.
    Check(fn() -> Result<(), String>),
}

impl Step {
    pub(crate) fn run(name: impl Into<String>, line: impl Into<String>) -> Self {
        Self { name: name.into(), work: Work::Run(line.into()) }
    }

    pub(crate) fn check(name: impl Into<String>, check: fn() -> Result<(), String>) -> Self {
        Self { name: name.into(), work: Work::Check(check) }
    }
}

/// Runs `steps` in order, and tells at the end how long each took.
///
/// # Errors
///
/// Names the first step that failed, and why.
pub(crate) fn run(steps: &[Step]) -> Result<(), String> {
    let mut times = Vec::with_capacity(steps.len());
    for (number, step) in steps.iter().enumerate() {
        println!("\n==== {}/{} {}", number + 1, steps.len(), step.name);
        let (result, time) = timed(|| work(&step.work));
        result.map_err(|why| format!("step `{}` failed after {}: {why}", step.name, seconds(time)))?;
        println!("==== {} passed in {}", step.name, seconds(time));
        times.push(time);
    }
    println!("\n==== all {} steps passed in {}", steps.len(), seconds(times.iter().sum()));
    for (step, time) in steps.iter().zip(times) {
        println!("{:>9}  {}", seconds(time), step.name);
    }
    Ok(())
}

fn work(work: &Work) -> Result<(), String> {
    match work {
        Work::Check(check) => check(),
        Work::Run(line) => {
            println!("$ {line}");
            // No step may wait for somebody to type.
            let status = command::parse(line).stdin(Stdio::null()).status();
            match status {
                Ok(status) if status.success() => Ok(()),
                Ok(status) => Err(format!("`{line}` ended with {status}")),
                Err(error) => Err(format!("`{line}` did not start: {error}")),
            }
        }
    }
}

#[expect(clippy::disallowed_types, reason = "the user's time, not a test's")]
fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let result = work();
    (result, start.elapsed())
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failure_ends_the_run_and_is_named() {
        let steps = [
            Step::check("first", || Ok(())),
            Step::check("second", || Err("no luck".to_owned())),
            Step::check("third", || unreachable!("a step ran after a failed one")),
        ];
        let why = run(&steps).expect_err("the second step fails");
        assert!(why.starts_with("step `second` failed") && why.ends_with("no luck"), "{why}");
    }

    #[test]
    #[cfg(unix)]
    fn a_command_that_fails_or_is_missing_fails_its_step() {
        assert_eq!(work(&Work::Run("true".to_owned())), Ok(()));

        let why = work(&Work::Run("false".to_owned())).expect_err("it always fails");
        assert!(why.starts_with("`false` ended with"), "{why}");

        let why = work(&Work::Run("no-such-program".to_owned())).expect_err("there is no such program");
        assert!(why.contains("`no-such-program` did not start"), "{why}");
    }
}
