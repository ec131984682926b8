//! What the derive refuses, and what it says: each file in `ui/` stands beside the message it makes.
//!
//! Every message is our own, so that a new compiler changes none. After a change of words, write them anew with
//! `TRYBUILD=overwrite cargo test -p buttress-error-derive --test ui`.

#[test]
fn mistakes_are_explained() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
