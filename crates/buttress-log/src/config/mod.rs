//! The subscriber of a whole program: its environment variable, its filter, its settings.

mod directives;
mod format;
mod init;
mod spelling;
mod target_levels;

pub use format::Format;
pub use init::{Config, ENV_VAR, InitError, init};
