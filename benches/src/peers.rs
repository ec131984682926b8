//! Names of the peers, with the versions this binary was built with.

const LOCK: &str = include_str!("../../Cargo.lock");

pub(crate) fn anyhow() -> String {
    named("anyhow")
}

pub(crate) fn backon() -> String {
    named("backon")
}

pub(crate) fn dashmap() -> String {
    named("dashmap")
}

pub(crate) fn error_stack() -> String {
    named("error-stack")
}

pub(crate) fn eyre() -> String {
    named("eyre")
}

pub(crate) fn failsafe() -> String {
    named("failsafe")
}

pub(crate) fn governor() -> String {
    named("governor")
}

pub(crate) fn json_subscriber() -> String {
    named("json-subscriber")
}

pub(crate) fn moka() -> String {
    named("moka")
}

pub(crate) fn recloser() -> String {
    named("recloser")
}

pub(crate) fn reqwest_middleware() -> String {
    named("reqwest-middleware")
}

pub(crate) fn reqwest_retry() -> String {
    named("reqwest-retry")
}

pub(crate) fn snafu() -> String {
    named("snafu")
}

pub(crate) fn tokio() -> String {
    named("tokio")
}

pub(crate) fn tokio_retry2() -> String {
    named("tokio-retry2")
}

pub(crate) fn tower() -> String {
    named("tower")
}

pub(crate) fn tower_http() -> String {
    named("tower-http")
}

/// All of its parts have the same version.
pub(crate) fn tower_resilience() -> String {
    format!("tower-resilience {}", version("tower-resilience-core"))
}

pub(crate) fn tracing_appender() -> String {
    named("tracing-appender")
}

pub(crate) fn tracing_subscriber() -> String {
    named("tracing-subscriber")
}

fn named(package: &str) -> String {
    format!("{package} {}", version(package))
}

/// Reads the lock file: a name written by hand would outlive its version.
fn version(package: &str) -> &'static str {
    let entry = format!("name = \"{package}\"\nversion = \"");
    let (_, rest) = LOCK.split_once(&entry).expect("the lock file lists every dependency");
    rest.split_once('"').expect("a version ends with a quote").0
}
