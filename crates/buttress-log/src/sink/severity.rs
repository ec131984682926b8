//! `Severity`: a level that can be compared and that numbers an array.

use std::ops::{Index, IndexMut};

use tracing::Level;

/// The level of a line. A more severe one is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

impl Severity {
    pub(crate) const ALL: [Self; 5] = [Self::Trace, Self::Debug, Self::Info, Self::Warn, Self::Error];
}

impl From<Level> for Severity {
    fn from(level: Level) -> Self {
        match level {
            Level::TRACE => Self::Trace,
            Level::DEBUG => Self::Debug,
            Level::INFO => Self::Info,
            Level::WARN => Self::Warn,
            Level::ERROR => Self::Error,
        }
    }
}

/// One value for each severity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PerSeverity<T>([T; 5]);

impl<T> Index<Severity> for PerSeverity<T> {
    type Output = T;

    fn index(&self, severity: Severity) -> &T {
        &self.0[severity as usize]
    }
}

impl<T> IndexMut<Severity> for PerSeverity<T> {
    fn index_mut(&mut self, severity: Severity) -> &mut T {
        &mut self.0[severity as usize]
    }
}
