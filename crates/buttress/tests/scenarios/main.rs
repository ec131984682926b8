//! Runs the scenarios of `tests/scenarios` at the repository root: behaviour as data, established by the suites and
//! specifications of others.
//!
//! ```text
//! cargo test --workspace --test scenarios
//! BUTTRESS_SCENARIOS=DIR cargo test --workspace --test scenarios
//! ```
//!
//! The second form reads another directory (a relative one from the repository root). Words are translated into calls
//! of the public API, on virtual time; what is right stands in the files alone. An unknown key, step, outcome, schema
//! or file is a failure; a file that the directory lacks is skipped by name.

#![cfg(all(
    feature = "breaker",
    feature = "http",
    feature = "log",
    feature = "ratelimit",
    feature = "retry"
))]

mod api;
mod backoff;
mod breaker;
mod budget;
mod clock;
mod directory;
mod grpc_timeout;
mod http_classify;
mod log;
mod log_strings;
mod rate_limit;
mod redact;
mod retry;
mod retry_after;
mod selftest;
mod suite;
mod traceparent;

use suite::check;

#[test]
fn files() {
    directory::check();
}

#[test]
fn backoff() {
    check::<backoff::Case>();
}

#[test]
fn breaker() {
    check::<breaker::Case>();
}

#[test]
fn grpc_timeout() {
    check::<grpc_timeout::Case>();
}

#[test]
fn http_classify() {
    check::<http_classify::Case>();
}

#[test]
fn rate_limit() {
    check::<rate_limit::Case>();
}

#[test]
fn log_strings() {
    check::<log_strings::Case>();
}

#[test]
fn redact() {
    check::<redact::Case>();
}

#[test]
fn retry() {
    check::<retry::Case>();
}

#[test]
fn retry_after() {
    check::<retry_after::Case>();
}

#[test]
fn traceparent() {
    check::<traceparent::Case>();
}
