//! `InitError`: why the log was not set up.

use std::error::Error;
use std::sync::Arc;
use std::{fmt, io};

use buttress_error::ConfigError;

/// The log was not set up. The program may go on without it, or set it up in another way.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct InitError(Reason);

#[derive(Clone, Debug)]
enum Reason {
    AlreadySet,
    Setting(ConfigError),
    Sink {
        sink: Arc<str>,
        error: Arc<io::Error>,
    },
    Thread(Arc<io::Error>),
    #[cfg(feature = "log")]
    LoggerAlreadySet,
}

impl InitError {
    pub(crate) const fn already_set() -> Self {
        Self(Reason::AlreadySet)
    }

    #[cfg(feature = "log")]
    pub(crate) const fn logger_already_set() -> Self {
        Self(Reason::LoggerAlreadySet)
    }

    pub(crate) fn thread(error: io::Error) -> Self {
        Self(Reason::Thread(Arc::new(error)))
    }

    pub(crate) fn sink(sink: Arc<str>, error: io::Error) -> Self {
        Self(Reason::Sink { sink, error: Arc::new(error) })
    }

    /// Returns `true` if a global `tracing` subscriber was set before: ours from an earlier [`init`](crate::init), or another
    /// one.
    #[must_use]
    pub const fn is_already_set(&self) -> bool {
        matches!(self.0, Reason::AlreadySet)
    }
}

impl From<ConfigError> for InitError {
    fn from(error: ConfigError) -> Self {
        Self(Reason::Setting(error))
    }
}

impl fmt::Display for InitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Reason::AlreadySet => f.write_str("a global tracing subscriber is already set"),
            Reason::Setting(error) => error.fmt(f),
            #[cfg(feature = "log")]
            Reason::LoggerAlreadySet => f.write_str("a logger of the crate `log` is already set"),
            Reason::Sink { sink, error } => write!(f, "cannot open log sink {sink}: {error}"),
            Reason::Thread(error) => write!(f, "cannot start the thread of the log: {error}"),
        }
    }
}

impl Error for InitError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.0 {
            Reason::AlreadySet | Reason::Setting(_) => None,
            #[cfg(feature = "log")]
            Reason::LoggerAlreadySet => None,
            Reason::Sink { error, .. } | Reason::Thread(error) => Some(&**error),
        }
    }
}
