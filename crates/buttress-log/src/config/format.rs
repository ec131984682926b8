//! `Format`: what lines look like.

use std::fmt;

/// What lines look like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// [`Human`](Self::Human) if standard error is a terminal, else [`Json`](Self::Json).
    #[default]
    Auto,
    /// One JSON object per line.
    Json,
    /// A line for people, with its error below it.
    Human,
}

impl Format {
    pub(super) const ALL: [Self; 3] = [Self::Json, Self::Human, Self::Auto];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Json => "json",
            Self::Human => "human",
        }
    }
}

/// The spelling of `BUTTRESS_LOG`.
impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
