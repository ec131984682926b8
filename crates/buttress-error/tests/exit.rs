//! A real `main` that returns an `Exit`: this program runs itself and looks at how it ends.

use std::process::{Command, Termination};

use buttress_error::{BoxError, Class, Error, Exit, ExitProfile, Kind, Rejection, Result};

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
    if sysexits { exit.profile(ExitProfile::Sysexits) } else { exit }
}

fn work(case: &str) -> Result<(), Exit> {
    match case {
        "well" => {}
        "foreign" => drop("x".parse::<u8>()?),
        "io" => drop(std::fs::read("/no/such/file")?),
        "refused" => Err(Rejection::forced_open("pay".into(), std::time::Duration::ZERO))?,
        "own" => Err(Error::new(Class::new(Kind::Internal).exit(42), "own code"))?,
        "zero" => Err(Error::new(Class::new(Kind::Config).exit(0), "not well"))?,
        "boxed" => Err(BoxError::from(Error::new(Kind::Unavailable, "down")))?,
        "text" => Err("it failed")?,
        "anyhow" => Err(anyhow::anyhow!("it failed"))?,
        "eyre" => Err(eyre::eyre!("it failed"))?,
        "dependency" => Err(Error::new(Kind::InvalidArgument, "theirs").of_dependency("db"))?,
        kind => {
            let kind = Kind::from_name(kind).expect("a kind");
            Err(Error::new(kind, "it failed").note("a note").attr("password", "hunter2"))?;
        }
    }
    Ok(())
}

fn child(case: &str) -> (i32, String) {
    let program = std::env::current_exe().expect("it runs");
    let out = Command::new(program).env(CASE, case).env_remove("RUST_BACKTRACE").output().expect("it starts");
    assert!(out.stdout.is_empty(), "standard output is the program's own");
    (out.status.code().expect("no signal"), String::from_utf8(out.stderr).expect("text"))
}

fn tests() {
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
    // Law 9.
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
