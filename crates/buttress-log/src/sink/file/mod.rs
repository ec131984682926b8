//! Log files that rotate.

mod backup;
mod current;
mod housekeeping;
mod period;
mod retention;
mod rolling_file;
mod writer;

pub use rolling_file::{FileHandle, RollingFile};
pub use writer::FileWriter;
