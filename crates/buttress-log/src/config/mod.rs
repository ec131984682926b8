//! The subscriber of a whole program: its environment variable, its filter, its sinks, its settings.

mod directives;
mod format;
mod init;
mod init_error;
mod open;
mod sink;
mod spelling;
mod target_levels;

pub(crate) use directives::parse_changes;
pub use format::Format;
pub(crate) use init::TARGET;
pub use init::{Config, ENV_VAR, init};
pub use init_error::InitError;
pub use sink::Sink;
pub(crate) use target_levels::TargetLevels;
