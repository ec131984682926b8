//! What must not compile. Each block stands beside one that differs in a word and does compile, in
//! `tests/types.rs` or here.
//!
//! A refusal has no place in `Infallible`: the translate layer is missing.
//! ```compile_fail,E0277
//! fn fits<E: From<buttress_error::Rejection>>() {}
//! fits::<std::convert::Infallible>();
//! ```
//! ```
//! fn fits<E: From<buttress_error::Rejection>>() {}
//! fits::<buttress_error::Error>();
//! ```
//!
//! A foreign error has no class: `?` asks for `.translate()`.
//! ```compile_fail,E0277
//! fn port(text: &str) -> buttress_error::Result<u16> {
//!     Ok(text.parse::<u16>()?)
//! }
//! ```
//! ```
//! use buttress_error::ResultExt;
//! fn port(text: &str) -> buttress_error::Result<u16> {
//!     Ok(text.parse::<u16>().translate()?)
//! }
//! ```
//!
//! Nor do layers read it.
//! ```compile_fail,E0277
//! fn read<E: buttress_error::Classified>() {}
//! read::<std::num::ParseIntError>();
//! ```
//!
//! The conversion of a classified type is there already.
//! ```compile_fail,E0119
//! # use buttress_error::{Class, Classify, Error, Kind};
//! #[derive(Debug, thiserror::Error)]
//! #[error("app")]
//! struct App;
//! impl Classify for App {
//!     fn class(&self) -> Class { Class::new(Kind::Internal) }
//! }
//! impl From<App> for Error {
//!     fn from(_: App) -> Self { Error::new(Kind::Internal, "app") }
//! }
//! ```
//!
//! A closure that calls a method of its argument has to name its type.
//! ```compile_fail,E0282
//! # use tower::{Layer, service_fn};
//! async fn read(_: ()) -> Result<(), std::io::Error> { Ok(()) }
//! buttress_error::TranslateLayer::with(|error| error.kind()).layer(service_fn(read));
//! ```
//!
//! An async block with `?` has no error type.
//! ```compile_fail,E0282
//! # use buttress_error::{Error, TranslateLayer};
//! # use tower::{Layer, ServiceExt, service_fn};
//! fn read() -> Result<u8, Error> { Ok(1) }
//! let service = service_fn(|(): ()| async { Ok(read()?) });
//! ```
//!
//! The kind of an `io::Error` stays that of the standard library.
//! ```compile_fail,E0308
//! let kind: buttress_error::Kind = std::io::Error::other("x").kind();
//! ```
//!
//! `check` says what is missing: here the error fits into no box.
//! ```compile_fail,E0277
//! # use buttress_error::{TranslateLayer, check};
//! # use tower::{Layer, service_fn};
//! struct Odd;
//! let service = service_fn(|n: u32| std::future::ready(Ok::<_, Odd>(n)));
//! check::<u32, _>(&TranslateLayer::new("odd").layer(service));
//! ```
