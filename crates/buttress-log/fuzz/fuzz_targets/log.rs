//! Any bytes as a program of log calls: every line is valid JSON without duplicate keys.
//!
//! `cargo fuzz run log`, in the folder of the crate; `tests/random.rs` is the part of it that every test run does.
#![no_main]

#[path = "../../tests/kit/driver.rs"]
mod driver;
#[path = "../../tests/kit/mod.rs"]
mod kit;

use libfuzzer_sys::fuzz_target;

fuzz_target!(init: {
    // The fuzzer's hook would abort at the panics of values, which are contained.
    std::panic::set_hook(Box::new(|_| {}));
}, |bytes: &[u8]| {
    driver::run(bytes);
});
