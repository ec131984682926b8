#![doc = include_str!("../README.md")]

mod allocations;
mod checks;
mod conformance;
mod drive;
mod error;
mod step;
mod strict;

pub use allocations::{allocations, retained_bytes};
pub use conformance::{Conformance, conform};
pub use error::TestError;
pub use step::{Boom, HOLD, Step};
pub use strict::{Strict, StrictFuture};
