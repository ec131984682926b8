//! `BadResponse`: a response whose status is bad, while its body is read.

use std::mem::take;
use std::time::Duration;

use buttress_context::Context;
use buttress_error::{Class, Error};
use http::response::Parts;

use super::excerpt::excerpt;
use super::settings::Settings;
use crate::bad_status::BadStatus;
use crate::classify::{ByStatus, stalled};
use crate::problem::ProblemDetails;

/// The head of the response, and what the error needs to know of the request.
pub(super) struct BadResponse {
    /// The class of the head alone.
    pub(super) class: Class,
    pub(super) classifier: ByStatus,
    pub(super) head: Parts,
    pub(super) request_line: String,
    /// The request's body was waiting for its caller when the response came.
    pub(super) is_stalled: bool,
}

impl BadResponse {
    /// Returns the error of the response, whose body is in `status`.
    pub(super) fn error(&mut self, status: BadStatus, settings: &Settings) -> Error {
        let problem = status.problem();
        let class = match &problem {
            // A redirect is never the server's failure, whatever its body says.
            Some(_) if self.head.status.as_u16() < 400 => self.class,
            Some(problem) => self.classifier.class_with_body(self.class, &self.head.headers, problem),
            None => self.class,
        };
        let class = if self.is_stalled { stalled(class) } else { class };
        let text = match &problem {
            Some(ProblemDetails { detail: Some(detail), .. }) => excerpt(detail.as_bytes()),
            _ => excerpt(status.body()),
        };
        let mut error = settings
            .mark_as_dependency(Error::wrap(class.dependency(), status))
            .note(take(&mut self.request_line));
        if let Some(text) = text {
            error = error.note(format!("response: {text}"));
        }
        let Some(problem) = problem else { return error };
        if let Some(code) = problem.code {
            error = error.attr("code", code);
        }
        problem.violations.into_iter().fold(error, Error::violation)
    }
}

/// Returns the time for reading the body: at most half of what the deadline leaves, because another attempt is worth more
/// than the text of the body.
pub(super) fn time_for_body(limit: Duration) -> Duration {
    let left = Context::read(|context| context.deadline().remaining());
    left.map_or(limit, |left| limit.min(left / 2))
}
