//! Checks the commands in the README: each has to be one that the tests run.

use crate::{
    command,
    step::{Step, Work},
    test,
};
use std::fs;

const SHELLS: [&str; 5] = ["sh", "bash", "shell", "console", "shell-session"];

pub(crate) fn check() -> Result<(), String> {
    let path = command::root().join("README.md");
    if !path.exists() {
        println!("there is no README.md");
        return Ok(());
    }
    let readme = fs::read_to_string(&path).map_err(|error| format!("README.md: {error}"))?;

    let steps = test::steps();
    let run: Vec<&str> = [test::COMMAND].into_iter().chain(steps.iter().filter_map(line)).collect();
    let (tested, untested): (Vec<_>, Vec<_>) =
        commands(&readme).into_iter().partition(|line| run.contains(line));

    for line in tested {
        println!("{line}");
    }
    if untested.is_empty() {
        return Ok(());
    }
    Err(format!(
        "README.md shows commands that `{}` does not run:\n  {}\n\
         make each a step of it (xtask/src/test.rs), or show it in a block other than `sh`",
        test::COMMAND,
        untested.join("\n  ")
    ))
}

fn line(step: &Step) -> Option<&str> {
    match &step.work {
        Work::Run(line) => Some(line),
        Work::Check(_) => None,
    }
}

/// The commands in the shell blocks of a page: every line except comments.
fn commands(page: &str) -> Vec<&str> {
    let mut commands = Vec::new();
    let mut block: Option<&str> = None;
    for line in page.lines().map(str::trim) {
        match (block, line.strip_prefix("```")) {
            (None, Some(language)) => block = Some(language),
            (Some(_), Some(_)) => block = None,
            (Some(language), None) if SHELLS.contains(&language) => commands.extend(command_in(line)),
            _ => {}
        }
    }
    commands
}

fn command_in(line: &str) -> Option<&str> {
    let line = line.strip_prefix("$ ").unwrap_or(line);
    let code = line.split_once(" #").map_or(line, |(code, _comment)| code).trim();
    (!code.is_empty() && !code.starts_with('#')).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_lines_of_shell_blocks_are_commands() {
        let page = "\
cargo in-the-text
```sh
# first this
cargo one --flag   # a remark

$ cargo two
```
```rust
let sh = \"```\";
```
1. Then:
   ```console
   cargo three
   ```
```text
cargo four
```
";
        assert_eq!(commands(page), ["cargo one --flag", "cargo two", "cargo three"]);
    }
}
