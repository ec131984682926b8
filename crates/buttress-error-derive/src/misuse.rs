//! Code that the compiler rejects, with messages that change from release to release. (The errors of the derive itself are
//! tested in `tests/ui`.)
//!
//! A forwarded field has to have a class.
//! ```compile_fail,E0277
//! #[derive(buttress_error::Classify)]
//! #[classify(forward)]
//! struct Foreign(std::num::ParseIntError);
//! ```
//! ```
//! #[derive(buttress_error::Classify)]
//! #[classify(forward)]
//! struct Known(std::io::Error);
//! ```
//!
//! Nor does a generic one get around it.
//! ```compile_fail,E0599
//! # use buttress_error::Classify;
//! #[derive(Classify)]
//! #[classify(forward)]
//! struct Generic<E>(E);
//! Generic("x".parse::<u8>().unwrap_err()).class();
//! ```
//! ```
//! # use buttress_error::Classify;
//! #[derive(Classify)]
//! #[classify(forward)]
//! struct Generic<E>(E);
//! Generic(std::io::Error::other("x")).class();
//! ```
//!
//! A field that says how long to wait is a `Duration`: a number has no unit.
//! ```compile_fail,E0277
//! #[derive(buttress_error::Classify)]
//! #[classify(kind = Throttled)]
//! struct Busy(#[classify(retry_after)] u64);
//! ```
//! ```
//! #[derive(buttress_error::Classify)]
//! #[classify(kind = Throttled)]
//! struct Busy(#[classify(retry_after)] std::time::Duration);
//! ```
