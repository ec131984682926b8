//! `Classifier`: classification as a value that any layer takes.

use crate::{Classified, Completion, Error, Kind, RetrySummary, Verdict};

/// Judges one outcome. [`ByKind`], the default of every layer, reads the error's own class; any
/// `Fn(&Result<Response, Error>) -> Verdict` will do too.
///
/// One value, cheap to copy, can be handed to every layer of a stack, so that retry, breaker and log never disagree.
///
/// ```
/// use buttress_error::{Classifier, Kind, Verdict};
///
/// fn judge(outcome: &Result<u16, std::io::Error>) -> Verdict {
///     match outcome {
///         Ok(503) => Verdict::failure(Kind::Unavailable),
///         Ok(_) => Verdict::success(),
///         Err(error) => Verdict::failure(error),
///     }
/// }
///
/// assert!(judge.judge(&Ok(503)).is_failure());
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot judge a `Result<{Res}, {E}>`",
    note = "`ByKind`, the default, needs an error that knows its class: implement `buttress_error::Classify` for `{E}`, \
            say `.translate()`, put `TranslateLayer` below, or give a classifier"
)]
pub trait Classifier<Res, E> {
    /// Is it a success, a failure or neither, and of which class?
    fn judge(&self, outcome: &Result<Res, E>) -> Verdict;

    /// Attaches to the outcome what a retry layer did before it gave up. Default: nothing.
    fn stamp(&self, outcome: &mut Result<Res, E>, effort: &RetrySummary) {
        let _ = (outcome, effort);
    }

    /// The failure itself, where it can be kept without asking for `Clone`; it becomes the source of the
    /// rejections that follow from it. Default: none.
    fn keep(&self, outcome: &Result<Res, E>) -> Option<Error> {
        let _ = outcome;
        None
    }

    /// Returns the completion of a call whose response has begun and is still to stream: the verdict on the call is then
    /// that of its end. Layers ask for it after a success. Default: none, the response is complete.
    fn completion(&self, outcome: &Result<Res, E>) -> Option<Completion> {
        let _ = outcome;
        None
    }
}

/// Reads the class that the error itself has; an `Ok` is a success.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByKind;

impl<Res, E: Classified> Classifier<Res, E> for ByKind {
    fn judge(&self, outcome: &Result<Res, E>) -> Verdict {
        match outcome {
            Ok(_) => Verdict::success(),
            Err(error) => Verdict::of(error.classified()),
        }
    }

    fn stamp(&self, outcome: &mut Result<Res, E>, effort: &RetrySummary) {
        if let Err(error) = outcome {
            error.stamp(effort);
        }
    }

    fn keep(&self, outcome: &Result<Res, E>) -> Option<Error> {
        outcome.as_ref().err().and_then(Classified::keep)
    }
}

/// Reads only whether the outcome is an `Err`: that is a failure of kind [`Unknown`](Kind::Unknown), whatever its type.
/// For errors without a class, such as a `String`.
///
/// A "not found" counts as a failure, too, and so does a rejection by an inner layer: a closure tells more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByResult;

impl<Res, E> Classifier<Res, E> for ByResult {
    fn judge(&self, outcome: &Result<Res, E>) -> Verdict {
        match outcome {
            Ok(_) => Verdict::success(),
            Err(_) => Verdict::failure(Kind::Unknown),
        }
    }
}

impl<Res, E, F: Fn(&Result<Res, E>) -> Verdict> Classifier<Res, E> for F {
    fn judge(&self, outcome: &Result<Res, E>) -> Verdict {
        self(outcome)
    }
}
