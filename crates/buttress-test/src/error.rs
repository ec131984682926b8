//! The error of the kit's inner service.

use std::error::Error as StdError;
use std::fmt;

use buttress_error::{Class, Classify, Kind, Rejection, RetrySummary};

/// The error of [`Strict`](crate::Strict): a classified failure, or the rejection of a layer, inline.
///
/// It allocates nothing, but for the effort that a retry layer stamps on it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum TestError {
    /// The inner service failed.
    Failed {
        /// The class of the failure.
        class: Class,
        /// What a retry layer noted.
        effort: Option<Box<RetrySummary>>,
    },
    /// A layer refused.
    Rejected(Rejection),
}

impl TestError {
    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.class().kind
    }

    /// The rejection, if it is one.
    #[must_use]
    pub const fn rejection(&self) -> Option<&Rejection> {
        match self {
            Self::Rejected(rejection) => Some(rejection),
            Self::Failed { .. } => None,
        }
    }

    /// What a retry layer noted.
    #[must_use]
    pub fn retry_summary(&self) -> Option<&RetrySummary> {
        match self {
            Self::Failed { effort, .. } => effort.as_deref(),
            Self::Rejected(_) => None,
        }
    }
}

impl From<Class> for TestError {
    fn from(class: Class) -> Self {
        Self::Failed { class, effort: None }
    }
}

impl From<Kind> for TestError {
    fn from(kind: Kind) -> Self {
        Class::new(kind).into()
    }
}

impl From<Rejection> for TestError {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl Classify for TestError {
    fn class(&self) -> Class {
        match self {
            Self::Failed { class, .. } => *class,
            Self::Rejected(rejection) => rejection.class(),
        }
    }

    fn note_retry_summary(&mut self, noted: &RetrySummary) {
        if let Self::Failed { class, effort } = self {
            *class = noted.class(*class);
            *effort = Some(Box::new(noted.clone()));
        }
    }
}

impl fmt::Display for TestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed { class, .. } => write!(f, "scripted failure: {}", class.kind),
            Self::Rejected(rejection) => rejection.fmt(f),
        }
    }
}

impl StdError for TestError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.rejection()?.source()
    }
}
