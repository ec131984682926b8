#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod as_dyn;
mod call;
mod config;
mod encode;
#[cfg(feature = "serde")]
#[cfg_attr(docsrs, doc(cfg(feature = "serde")))]
pub mod field;
mod human;
mod json;
mod layer;
mod levels;
mod limits;
mod number_forms;
mod panics;
mod redaction;
mod schema;
mod sink;
mod span;
mod tail;
#[cfg(feature = "test-util")]
#[cfg_attr(docsrs, doc(cfg(feature = "test-util")))]
pub mod test;
mod timer;
mod unwind;
mod volume;

pub use as_dyn::as_dyn;
pub use call::{LogLayer, LogService, ResponseFuture};
pub use config::{Config, ENV_VAR, Format, InitError, Sink, init};
pub use human::{Human, HumanWriter};
pub use layer::JsonLayer;
pub use levels::{LevelsError, LogHandle};
pub use limits::{Limits, LimitsError};
pub use number_forms::NumberForms;
pub use panics::log_panics;
pub use redaction::{Redaction, RedactionBuilder, RedactionError};
pub use schema::{Schema, SchemaLine, SchemaWriter};
pub use sink::file::{FileHandle, FileWriter, RollingFile};
pub use sink::guard::{FlushError, FlushGuard, Flusher};
pub use sink::losses::LossCounters;
pub use sink::queue::{Queue, QueuedLine, QueuedWriter, WhenFull};
pub use sink::stats::{LogStats, SinkStats};
pub use volume::Sampling;
