#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod as_dyn;
mod call;
mod callsite;
mod config;
mod contain;
mod context;
mod directives;
mod error;
mod fields;
mod filter;
mod guard;
mod human;
mod json;
mod json_layer;
mod key;
mod limits;
mod list;
mod losses;
mod members;
mod place;
mod scratch;
mod sink;
mod slots;
mod span;
#[cfg(feature = "test-util")]
#[cfg_attr(docsrs, doc(cfg(feature = "test-util")))]
pub mod test;
mod time;
mod value;

pub use as_dyn::as_dyn;
pub use call::{LogLayer, LogService, ResponseFuture};
pub use config::{Config, InitError, VARIABLE, init};
pub use directives::Format;
pub use guard::Guard;
pub use human::{Human, HumanWriter};
pub use json_layer::JsonLayer;
pub use limits::{Limits, LimitsError};
pub use losses::Losses;
