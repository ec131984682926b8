//! A step: a heading, some work, and the time it took. The first failure ends the run.

use crate::{command, tools::Tool};
use std::{process::Stdio, time::Duration};

#[expect(clippy::disallowed_types, reason = "the wall time of a command, which no test pauses")]
use std::time::Instant;

pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) work: Work,
    /// Without it the step is skipped.
    tool: Option<Tool>,
}

pub(crate) enum Work {
    /// A command as one would type it.
    Run(String),
    /// A check that no command does.
    Check(fn() -> Result<(), String>),
}

/// What happens to steps whose tool is not installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tools {
    /// They are skipped, and named at the end.
    Any,
    /// They fail.
    All,
}

impl Step {
    pub(crate) fn run(name: impl Into<String>, line: impl Into<String>) -> Self {
        Self { name: name.into(), work: Work::Run(line.into()), tool: None }
    }

    pub(crate) fn check(name: impl Into<String>, check: fn() -> Result<(), String>) -> Self {
        Self { name: name.into(), work: Work::Check(check), tool: None }
    }

    /// The same step, which needs `tool`.
    pub(crate) fn with(self, tool: Tool) -> Self {
        Self { tool: Some(tool), ..self }
    }

    fn missing_tool(&self) -> Option<Tool> {
        self.tool.filter(|tool| !tool.is_installed())
    }
}

/// Runs `steps` in order, and reports at the end how long each took and which ones were skipped.
///
/// # Errors
///
/// Names the first step that failed, and the reason.
pub(crate) fn run(steps: &[Step], tools: Tools) -> Result<(), String> {
    let mut times = Vec::with_capacity(steps.len());
    let mut skipped = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        println!("\n==== {}/{} {}", number + 1, steps.len(), step.name);
        if let Some(tool) = step.missing_tool() {
            let missing = format!("{} is not installed: `{}`", tool.name, tool.install);
            if tools == Tools::All {
                return Err(format!("step `{}` cannot run: {missing}", step.name));
            }
            println!("==== {} SKIPPED: {missing}", step.name);
            skipped.push(format!("{}: {missing}", step.name));
            continue;
        }
        let (result, time) = timed(|| work(&step.work));
        result.map_err(|why| format!("step `{}` failed after {}: {why}", step.name, seconds(time)))?;
        println!("==== {} passed in {}", step.name, seconds(time));
        times.push((&step.name, time));
    }
    let total = times.iter().map(|(_, time)| time).sum();
    println!("\n==== {} of {} steps passed in {}", times.len(), steps.len(), seconds(total));
    for (name, time) in times {
        println!("{:>9}  {name}", seconds(time));
    }
    for step in skipped {
        println!("  SKIPPED  {step}");
    }
    Ok(())
}

fn work(work: &Work) -> Result<(), String> {
    match work {
        Work::Check(check) => check(),
        Work::Run(line) => {
            println!("$ {line}");
            // No step may wait for input.
            let status = command::parse(line).stdin(Stdio::null()).status();
            match status {
                Ok(status) if status.success() => Ok(()),
                Ok(status) => Err(format!("`{line}` ended with {status}")),
                Err(error) => Err(format!("`{line}` did not start: {error}")),
            }
        }
    }
}

#[expect(clippy::disallowed_types, reason = "the wall time of a command, which no test pauses")]
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
        let why = run(&steps, Tools::Any).expect_err("the second step fails");
        assert!(why.starts_with("step `second` failed") && why.ends_with("no luck"), "{why}");
    }

    #[test]
    fn a_missing_tool_skips_its_step_or_fails_it() {
        const MISSING: Tool = Tool::fake("no-such-program", "no-such-program --version", "install it");
        let steps = [Step::check("needy", || unreachable!("its tool is missing")).with(MISSING)];
        assert_eq!(run(&steps, Tools::Any), Ok(()));
        let why = run(&steps, Tools::All).expect_err("the tool is missing");
        assert_eq!(why, "step `needy` cannot run: no-such-program is not installed: `install it`");
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
