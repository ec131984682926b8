//! What the derive refuses, and what it says: each file in `ui/` stands beside the message it makes.
//!
//! The messages of the derive are our own, so that a new compiler changes none. Those of `foreign_*.rs` are the compiler's,
//! with our words in them, and may have to be written again for a new one. After a change of words, write them again with
//! `TRYBUILD=overwrite cargo test -p buttress-error-derive --test ui`.

#[test]
fn mistakes_are_explained() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
