//! `cargo xtask compile-cost`: what a program pays that depends on the breaker alone, beside a program with the peer's.
//!
//! Each is a package of its own below `target/compile-cost`, with the lock file of the workspace, built from nothing.

use crate::command;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

#[expect(clippy::disallowed_types, reason = "the wall time of a build, which no test pauses")]
use std::time::Instant;

/// A program: its name, its dependency, and its main function.
struct Program {
    name: &'static str,
    dependency: &'static str,
    main: &'static str,
}

const PROGRAMS: [Program; 2] = [
    Program {
        name: "buttress-breaker",
        dependency: r#"buttress-breaker = { path = "../../../crates/buttress-breaker" }
tower = { version = "0.5", features = ["util"] }
tokio = { version = "1", features = ["rt", "time"] }"#,
        main: r#"let layer = buttress_breaker::BreakerLayer::new("payments");
        let service = layer.layer(tower::service_fn(|n: u64| async move {
            if n > 0 { Ok(n) } else { Err(std::io::Error::other("no")) }
        }));"#,
    },
    Program {
        name: "tower-resilience-circuitbreaker",
        dependency: r#"tower-resilience-circuitbreaker = "0.14"
tower = { version = "0.5", features = ["util"] }
tokio = { version = "1", features = ["rt", "time"] }"#,
        main: r#"let layer = tower_resilience_circuitbreaker::CircuitBreakerLayer::builder().build().unwrap();
        let service = layer.layer(tower::service_fn(|n: u64| async move {
            if n > 0 { Ok(n) } else { Err(std::io::Error::other("no")) }
        }));"#,
    },
];

pub(crate) fn run() -> Result<(), String> {
    println!("| a program with | crates | clean build | stripped |\n|---|--:|--:|--:|");
    for program in &PROGRAMS {
        println!("{}", row(program)?);
    }
    Ok(())
}

fn row(program: &Program) -> Result<String, String> {
    let directory = write(program).map_err(|error| format!("{}: {error}", program.name))?;
    let crates = crates(&directory)?;
    let _ = fs::remove_dir_all(directory.join("target"));
    let time = build(&directory)?;
    let binary = directory.join("target/release/program");
    let bytes = fs::metadata(&binary).map_err(|error| format!("{}: {error}", binary.display()))?.len();
    let (seconds, kilobytes) = (time.as_secs_f64(), bytes as f64 / 1_000.0);
    Ok(format!("| {} | {crates} | {seconds:.1} s | {kilobytes:.0} kB |", program.name))
}

fn write(program: &Program) -> std::io::Result<PathBuf> {
    let directory = command::root().join("target/compile-cost").join(program.name);
    fs::create_dir_all(directory.join("src"))?;
    let manifest = format!(
        "[package]\nname = \"program\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
         [dependencies]\n{}\n\n[profile.release]\nstrip = true\n",
        program.dependency
    );
    fs::write(directory.join("Cargo.toml"), manifest)?;
    fs::copy(command::root().join("Cargo.lock"), directory.join("Cargo.lock"))?;
    let main = format!(
        "use tower::{{Layer, ServiceExt}};\n\nfn main() {{\n    let runtime = \
         tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();\n    \
         runtime.block_on(async {{\n        {}\n        println!(\"{{:?}}\", service.oneshot(17).await);\n    }});\n}}\n",
        program.main
    );
    fs::write(directory.join("src/main.rs"), main)?;
    Ok(directory)
}

/// The crates that are built, build scripts and macros included, without the program.
fn crates(directory: &Path) -> Result<usize, String> {
    let mut tree = cargo(directory, &["tree", "--edges", "normal,build", "--prefix", "none"]);
    let output = tree.output().map_err(|error| format!("cargo tree: {error}"))?;
    if !output.status.success() {
        return Err(format!("cargo tree: {}", String::from_utf8_lossy(&output.stderr)));
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let crates: BTreeSet<_> = text
        .lines()
        .map(|line| line.split(" (").next().unwrap_or(line))
        .filter(|line| !line.is_empty())
        .collect();
    Ok(crates.len() - 1)
}

#[expect(clippy::disallowed_types, reason = "the wall time of a build, which no test pauses")]
fn build(directory: &Path) -> Result<Duration, String> {
    let start = Instant::now();
    let status = cargo(directory, &["build", "--release", "--quiet"]).status();
    match status {
        Ok(status) if status.success() => Ok(start.elapsed()),
        Ok(status) => Err(format!("the build in {} ended with {status}", directory.display())),
        Err(error) => Err(format!("cargo did not start: {error}")),
    }
}

fn cargo(directory: &Path, args: &[&str]) -> Command {
    let mut command = command::cargo();
    command
        .args(args)
        .current_dir(directory)
        .stdin(Stdio::null())
        .env("CARGO_TARGET_DIR", directory.join("target"));
    command
}
