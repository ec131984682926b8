//! Any bytes at all as a problem body: nothing panics, and what is read is read the same again.
//!
//! `cargo fuzz run problem`, in the folder of the crate; `tests/wire_fuzz.rs` is the part of it that every test run does.
#![no_main]

use buttress_error::{Class, Kind};
use buttress_http::ProblemDetails;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some(problem) = ProblemDetails::from_json(bytes) else { return };
    let written = problem.to_json();
    assert_eq!(ProblemDetails::from_json(written.as_bytes()).as_ref(), Some(&problem));
    // What a peer says is never taken for what only this process can know.
    let class = problem.class(Class::new(Kind::Unknown));
    assert!(!matches!(class.kind, Kind::Rejected | Kind::Config | Kind::Panic));
});
