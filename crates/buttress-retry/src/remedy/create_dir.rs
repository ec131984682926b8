//! The remedy that creates a directory.

use std::fs;
use std::path::PathBuf;

use buttress_error::Kind;

use super::{Remedy, RemedyBuilder, on};

impl Remedy {
    /// Starts a remedy that creates the directory `path`, and its parents, on failures of kind
    /// [`NotFound`](Kind::NotFound). It works without a runtime.
    ///
    /// ```
    /// use buttress_retry::{Policy, Remedy, retry_blocking};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let spool = std::env::temp_dir().join(format!("spool-{}", std::process::id()));
    /// let policy = Policy::exponential().with_remedy(Remedy::create_dir(&spool).build()?).build()?;
    /// retry_blocking(&policy, || std::fs::write(spool.join("first"), "job"))?;
    /// # std::fs::remove_dir_all(spool)?;
    /// # Ok(()) }
    /// ```
    pub fn create_dir(path: impl Into<PathBuf>) -> RemedyBuilder {
        Self::run_blocking(on(Kind::NotFound), path.into(), fs::create_dir_all).name("create_dir")
    }
}
