//! Levels that change while the program runs.

mod error;
mod filter;
mod handle;
mod settings;

pub use error::LevelsError;
pub(crate) use error::Problem;
pub(crate) use filter::{LevelFilterLayer, SinkLevels};
pub use handle::LogHandle;
pub(crate) use settings::{Levels, OwnLevels, Subject};
