//! Commands as one would type them: `NAME=value program argument …`, without quotes.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

/// The directory of the workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies one level below the workspace")
}

/// Cargo with one target directory for the workspace and the examples, so that shared dependencies are built once.
pub(crate) fn cargo() -> Command {
    // The cargo that started this program: with `cargo +nightly xtask`, every command runs on nightly.
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    command.env("CARGO_TARGET_DIR", target_dir());
    command
}

fn target_dir() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// The command in `line`, which starts in the directory of the workspace.
pub(crate) fn parse(line: &str) -> Command {
    let words = line.split_whitespace();
    let settings: Vec<_> = words.clone().map_while(|word| word.split_once('=')).collect();
    let mut words = words.skip(settings.len());

    let mut command = match words.next() {
        Some("cargo") => cargo(),
        program => Command::new(program.unwrap_or_default()),
    };
    command.envs(settings).args(words).current_dir(root());
    command
}

/// Runs `command` on the terminal of the user, and returns its exit code.
pub(crate) fn status(command: &mut Command) -> Result<ExitCode, String> {
    let status = command.status().map_err(|error| format!("{command:?} did not start: {error}"))?;
    // Without a code, a signal ended it.
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;

    fn settings(command: &Command) -> Vec<(&OsStr, Option<&OsStr>)> {
        command.get_envs().filter(|(name, _)| *name != "CARGO_TARGET_DIR").collect()
    }

    #[test]
    fn leading_settings_go_to_the_environment() {
        let command = parse("A=1 B=-Dx git log --format=%H");
        assert_eq!(
            settings(&command),
            [("A", "1"), ("B", "-Dx")].map(|(name, value)| (name.as_ref(), Some(value.as_ref())))
        );
        assert_eq!(command.get_program(), "git");
        assert_eq!(command.get_args().collect::<Vec<_>>(), ["log", "--format=%H"]);
    }

    #[test]
    fn commands_start_in_the_workspace_and_share_its_target_directory() {
        let command = parse("cargo check");
        assert_eq!(command.get_args().collect::<Vec<_>>(), ["check"]);
        assert_eq!(command.get_current_dir(), Some(root()));
        assert!(command.get_envs().any(|(name, value)| name == "CARGO_TARGET_DIR" && value.is_some()));
        assert!(root().join("xtask").is_dir());
    }
}
