//! What the compiler says where a bound does not hold: each file in `ui/` stands beside its message.
//!
//! After a change of words, write them anew with `TRYBUILD=overwrite cargo test -p buttress-http --test ui`.

#[test]
fn mistakes_are_explained() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
