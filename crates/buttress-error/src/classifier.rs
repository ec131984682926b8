//! `Classifier`: classification as a value that every layer accepts.

use crate::classify::Classified;
use crate::completion::Completion;
use crate::error::Error;
use crate::kind::Kind;
use crate::retry_summary::RetrySummary;
use crate::verdict::Verdict;

/// Classifies an outcome. [`ByKind`], the default of every layer, reads the class of the error. Any
/// `Fn(&Result<Response, Error>) -> Verdict` is a classifier, too.
///
/// Pass the same classifier to every layer of a stack, so that retry, breaker and log agree.
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
            call `.translate()`, put `TranslateLayer` below, or pass a classifier"
)]
pub trait Classifier<Res, E> {
    /// Returns the verdict on the outcome.
    fn judge(&self, outcome: &Result<Res, E>) -> Verdict;

    /// Records the attempts of a retry layer that stopped at this outcome. Default: does nothing.
    fn stamp(&self, outcome: &mut Result<Res, E>, summary: &RetrySummary) {
        let _ = (outcome, summary);
    }

    /// Returns a copy of the error, if that does not require `Clone`. It becomes the source of the rejections that this
    /// failure causes. Default: none.
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

/// Reads the class of the error. Every `Ok` is a success.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByKind;

impl<Res, E: Classified> Classifier<Res, E> for ByKind {
    fn judge(&self, outcome: &Result<Res, E>) -> Verdict {
        match outcome {
            Ok(_) => Verdict::success(),
            Err(error) => Verdict::of(error.classified()),
        }
    }

    fn stamp(&self, outcome: &mut Result<Res, E>, summary: &RetrySummary) {
        if let Err(error) = outcome {
            error.stamp(summary);
        }
    }

    fn keep(&self, outcome: &Result<Res, E>) -> Option<Error> {
        outcome.as_ref().err().and_then(Classified::keep)
    }
}

/// Treats every `Err` as a failure of kind [`Unknown`](Kind::Unknown), and every `Ok` as a success. For errors without a
/// class, such as a `String`.
///
/// A "not found" counts as a failure, and so does a rejection by an inner layer. Use a closure to distinguish them.
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
