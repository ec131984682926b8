//! Random programs of log calls: every line is valid, whatever they log and whatever their writer does.

#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

#[path = "kit/driver.rs"]
mod driver;
mod kit;

use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// [S34] Fields, spans, late records, reloads, explicit parents; values that fail and panic in `Display`, `Debug` and
    /// `Serialize`; writers that take a part, fail and panic: each accepted record is one line of JSON without duplicate keys,
    /// in each schema, and the next line is whole.
    #[test]
    fn every_line_is_valid(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        std::panic::set_hook(Box::new(|_| {}));
        driver::run(&bytes);
    }
}
