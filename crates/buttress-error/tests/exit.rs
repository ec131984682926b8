//! A real `main` that returns an `Exit`: this program runs itself and checks how it ends.

use std::process::{Command, Termination};
use std::sync::{Arc, OnceLock};

use buttress_error::{BoxError, Class, Error, ErrorGroup, Exit, ExitProfile, Kind, Rejection, Result};

const CASE: &str = "BUTTRESS_EXIT_CASE";

fn main() -> Exit {
    match std::env::var(CASE) {
        Ok(case) => run(&case),
        Err(_) => Exit::run(|| -> Result<()> {
            tests();
            Ok(())
        }),
    }
}

/// The program under test.
fn run(case: &str) -> Exit {
    let (case, sysexits) = (case.trim_end_matches(":sysexits"), case.ends_with(":sysexits"));
    let exit = Exit::of(work(case));
    ARMED.store(true, std::sync::atomic::Ordering::Relaxed);
    if sysexits { exit.profile(ExitProfile::Sysexits) } else { exit }
}

fn work(case: &str) -> Result<(), Exit> {
    match case {
        "well" => {}
        "foreign" => drop("x".parse::<u8>()?),
        "raw-source-panics" => Err(Hostile("source-panics".to_owned()))?,
        "io" => drop(std::fs::read("/no/such/file")?),
        "refused" => Err(Rejection::forced_open("pay".into(), std::time::Duration::ZERO))?,
        "own" => Err(Error::new(Class::new(Kind::Internal).exit(42), "own code"))?,
        "zero" => Err(Error::new(Class::new(Kind::Config).exit(0), "not well"))?,
        "boxed" => Err(BoxError::from(Error::new(Kind::Unavailable, "down")))?,
        "text" => Err("it failed")?,
        "anyhow" => Err(anyhow::anyhow!("it failed"))?,
        "eyre" => Err(eyre::eyre!("it failed"))?,
        "endless" => Err(Endless)?,
        "cycle" => Err(Cycle::of(3))?,
        "huge" => Err(Error::from((0..100_000).fold(BoxError::from("root"), |error, _| {
            Error::new(Kind::Config, "link").caused_by(error).into()
        })))?,
        "wide" => {
            Err(ErrorGroup::of((0..100_000).map(|_| Error::new(Kind::Config, "member"))).expect("some"))?;
        }
        hostile if hostile.starts_with("hostile-") => Err(Hostile::of(hostile))?,
        "dependency" => Err(Error::new(Kind::InvalidArgument, "theirs").of_dependency("db"))?,
        kind => {
            let kind = Kind::from_name(kind).expect("a kind");
            Err(Error::new(kind, "it failed").note("a note").attr("password", "hunter2"))?;
        }
    }
    Ok(())
}

/// An error that fails or panics where it is looked at.
struct Hostile(String);

impl Hostile {
    fn of(case: &str) -> Error {
        let below = case.contains("below");
        let hostile = Self(case.to_owned());
        // Well classified, so that the code is known: 2.
        let error = if below {
            Error::new(Kind::Config, "above").caused_by(hostile)
        } else {
            Error::wrap(Kind::Config, hostile)
        };
        error.note("a note").hint("a hint").attr("k", 1)
    }
}

/// Its own source.
#[derive(Debug)]
struct Endless;

impl std::fmt::Display for Endless {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("again")
    }
}

impl std::error::Error for Endless {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(self)
    }
}

/// One of several errors that are each other's source.
struct Cycle(OnceLock<Arc<Self>>);

impl Cycle {
    fn of(length: usize) -> Arc<Self> {
        let all: Vec<_> = (0..length).map(|_| Arc::new(Self(OnceLock::new()))).collect();
        for (place, one) in all.iter().enumerate() {
            assert!(one.0.set(Arc::clone(&all[(place + 1) % length])).is_ok());
        }
        Arc::clone(&all[0])
    }
}

impl std::fmt::Debug for Cycle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

impl std::fmt::Display for Cycle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("round")
    }
}

impl std::error::Error for Cycle {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.get().map(|next| next as _)
    }
}

/// Panics again while it is dropped.
struct Payload;

impl Drop for Payload {
    fn drop(&mut self) {
        panic!("a payload that panics while it is dropped");
    }
}

impl std::fmt::Display for Hostile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("half")?;
        match &self.0 {
            case if case.contains("display-fails") => Err(std::fmt::Error),
            case if case.contains("display-panics") => panic!("a display that panics"),
            case if case.contains("payload") => std::panic::panic_any(Payload),
            _ => Ok(()),
        }
    }
}

impl std::fmt::Debug for Hostile {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("a debug that panics")
    }
}

impl std::error::Error for Hostile {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        assert!(!(self.0.contains("source-panics") && armed()), "a source that panics");
        None
    }
}

/// From when on `source()` panics: not while the error is made.
fn armed() -> bool {
    std::env::var_os("BUTTRESS_EXIT_AT_ONCE").is_some() || ARMED.load(std::sync::atomic::Ordering::Relaxed)
}
static ARMED: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

impl Drop for Hostile {
    fn drop(&mut self) {
        assert!(!self.0.contains("drop-panics"), "a drop that panics");
    }
}

/// A panic in the code of an error once made the code 101 and cut the report.
fn hostile_errors_keep_the_code_and_the_report() {
    for case in ["display-fails", "display-panics", "payload", "drop-panics", "source-panics"] {
        for place in ["hostile-", "hostile-below-"] {
            let (code, report) = child(&format!("{place}{case}"));
            assert_eq!(code, 2, "{place}{case}: {report}");
            for line in ["  kind: config", "  note: a note", "  hint: a hint", "  with: k = 1"] {
                assert!(report.contains(line), "{place}{case}: {report}");
            }
            let mark = match case {
                "display-fails" => "half[display failed]",
                "display-panics" | "payload" => "half[display panicked]",
                _ => "half",
            };
            assert!(report.contains(mark), "{place}{case}: {report}");
        }
    }
    // Not even made an error of ours.
    let code = |case: &str| {
        let mut command = Command::new(std::env::current_exe().expect("it runs"));
        let out = command.env(CASE, case).env("BUTTRESS_EXIT_AT_ONCE", "1").output().expect("it starts");
        (out.status.code(), String::from_utf8_lossy(&out.stderr).into_owned())
    };
    let (code, report) = code("raw-source-panics");
    assert!(code == Some(1) && report.contains("half"), "{code:?} {report}");
}

/// Standard error has no reader, or is closed.
#[cfg(unix)]
fn a_closed_standard_error_keeps_the_code() {
    use std::process::Stdio;

    let program = std::env::current_exe().expect("it runs");
    let closed =
        Command::new("sh").args(["-c", "exec \"$0\" 2>&-"]).arg(&program).env(CASE, "config").status();
    assert_eq!(closed.expect("a shell").code(), Some(2));

    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let broken = Command::new(&program).env(CASE, "config").stderr(Stdio::from(writer)).status();
    assert_eq!(broken.expect("it starts").code(), Some(2));
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
    if let Ok(full) = full {
        let status = Command::new(&program).env(CASE, "config").stderr(Stdio::from(full)).status();
        assert_eq!(status.expect("it starts").code(), Some(2), "a full disk");
    }
}

/// Chains without an end, very long ones, and very large groups are reported in part, and keep the code.
fn endless_and_huge_errors_keep_the_code_and_a_short_report() {
    for (case, expected) in [("endless", 1), ("cycle", 1), ("huge", 2), ("wide", 2)] {
        let (code, report) = child(case);
        assert_eq!(code, expected, "{case}: {report}");
        assert!(report.len() < 20_000 && report.contains("\n  kind: "), "{case}: {} bytes", report.len());
    }
}

fn child(case: &str) -> (i32, String) {
    let program = std::env::current_exe().expect("it runs");
    let out = Command::new(program).env(CASE, case).env_remove("RUST_BACKTRACE").output().expect("it starts");
    assert!(out.stdout.is_empty(), "standard output is the program's own");
    (out.status.code().expect("no signal"), String::from_utf8(out.stderr).expect("text"))
}

fn tests() {
    endless_and_huge_errors_keep_the_code_and_a_short_report();
    hostile_errors_keep_the_code_and_the_report();
    #[cfg(unix)]
    a_closed_standard_error_keeps_the_code();
    assert_eq!(child("well"), (0, String::new()));
    for kind in Kind::ALL {
        let (code, report) = child(kind.as_str());
        assert_eq!(code, i32::from(kind.exit()), "{kind}");
        assert_eq!(child(&format!("{kind}:sysexits")).0, i32::from(kind.sysexit()), "{kind}");
        assert!(report.starts_with(&format!("Error: it failed\n  kind: {kind}\n  note: a note")), "{report}");
        // [S38] and no colours, as standard error is no terminal here.
        assert!(!report.contains("hunter2") && !report.contains('\x1b'), "{report}");
    }
    assert_eq!(child("foreign").0, 1);
    assert_eq!(child("io:sysexits").0, i32::from(Kind::NotFound.sysexit()));
    assert_eq!(child("refused:sysexits").0, 75);
    assert_eq!((child("own").0, child("own:sysexits").0), (42, 42));
    assert_eq!(child("zero").0, 2, "an error never ends with 0");
    // "`?` takes every error type there is, one in a box, and anyhow's and eyre's too."
    assert_eq!(child("boxed:sysexits").0, 75, "the same value");
    for case in ["text", "anyhow", "eyre"] {
        let (code, report) = child(case);
        assert!(code == 1 && report.starts_with("Error: it failed"), "{case}: {report}");
    }
    // Rule 9.
    assert_eq!((child("dependency").0, child("dependency:sysexits").0), (1, 70));

    // What the standard library does with a `main` that returns a result: the code is 1, whatever the kind.
    let code = Err::<(), _>(Exit::from(Error::new(Kind::Config, "x"))).report();
    assert_eq!(format!("{code:?}"), format!("{:?}", std::process::ExitCode::FAILURE));

    // An `Error` stays the same value.
    let error = Error::new(Kind::Aborted, "x");
    assert!(error.report_once());
    let exit = Exit::from(error);
    assert!(exit.error().is_some_and(|error| !error.report_once()));
    assert_eq!(
        (exit.code(), Exit::SUCCESS.code(), format!("{:?}", Exit::SUCCESS)),
        (1, 0, "success".to_owned())
    );
}
