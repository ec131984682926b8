//! `LevelsError`: why levels were not changed.

use std::fmt;

/// The levels of the program were not changed, because a part of the directives has no meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LevelsError(pub(super) Problem);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    Directive {
        directive: String,
        suggestion: Option<String>,
        problem: String,
    },
    Empty,
    NoLevels,
    /// The system refused the thread that ends the change.
    Timer(String),
}

impl LevelsError {
    /// Returns the directive that has no meaning, if the error is about one.
    #[must_use]
    pub fn directive(&self) -> Option<&str> {
        match &self.0 {
            Problem::Directive { directive, .. } => Some(directive),
            Problem::Empty | Problem::NoLevels | Problem::Timer(_) => None,
        }
    }

    /// Returns the valid directive that was probably meant.
    #[must_use]
    pub fn suggestion(&self) -> Option<&str> {
        match &self.0 {
            Problem::Directive { suggestion, .. } => suggestion.as_deref(),
            Problem::Empty | Problem::NoLevels | Problem::Timer(_) => None,
        }
    }
}

impl fmt::Display for LevelsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Problem::Directive { problem, .. } => write!(f, "levels not changed: {problem}"),
            Problem::Empty => f.write_str("levels not changed: there is no directive"),
            Problem::NoLevels => {
                f.write_str("levels not changed: the guard is that of a queue, which has none")
            }
            Problem::Timer(error) => {
                write!(f, "levels not changed: the thread that would end the change cannot start: {error}")
            }
        }
    }
}

impl std::error::Error for LevelsError {}
