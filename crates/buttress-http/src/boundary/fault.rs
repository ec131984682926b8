//! `Fault`: what is wrong where, without a word of what was sent.

use std::borrow::Cow;
use std::fmt;

use buttress_error::Violation;
use serde::de::{self, Expected, Unexpected};

use super::json_type::json_type;

/// An error of deserialisation that drops, where serde reports it, whatever came from the input.
#[derive(Debug)]
pub(super) struct Fault {
    /// From the inside out.
    path: Vec<Step>,
    what: Cow<'static, str>,
    reason: &'static str,
}

#[derive(Debug)]
pub(super) enum Step {
    /// A name that the type knows.
    Field(&'static str),
    Index(usize),
    /// A name that came with the input.
    Key,
}

/// How many steps of a path are shown.
const MAX_STEPS: usize = 16;

impl Fault {
    fn new(what: impl Into<Cow<'static, str>>, reason: &'static str) -> Self {
        Self { path: Vec::new(), what: what.into(), reason }
    }

    fn expected(expected: &dyn Expected, reason: &'static str) -> Self {
        Self::new(format!("expected {}", json_type(&expected.to_string())), reason)
    }

    /// It happened below this.
    pub(super) fn below(mut self, step: Step) -> Self {
        self.path.push(step);
        self
    }

    pub(super) fn into_violation(self) -> Violation {
        let mut field = String::new();
        for step in self.path.iter().rev().take(MAX_STEPS) {
            match step {
                Step::Index(index) => field.push_str(&format!("[{index}]")),
                Step::Field(_) | Step::Key if !field.is_empty() => field.push('.'),
                Step::Field(_) | Step::Key => {}
            }
            match step {
                Step::Field(name) => field.push_str(name),
                Step::Key => field.push('*'),
                Step::Index(_) => {}
            }
        }
        let field = if field.is_empty() { "body".into() } else { Cow::Owned(field) };
        Violation::new(field, self.what).reason(self.reason)
    }
}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::new("is not valid", "NOT_VALID")
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::expected(expected, "WRONG_TYPE")
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::expected(expected, "WRONG_VALUE")
    }

    fn invalid_length(_: usize, expected: &dyn Expected) -> Self {
        Self::expected(expected, "WRONG_LENGTH")
    }

    fn unknown_variant(_: &str, known: &'static [&'static str]) -> Self {
        Self::new(format!("expected one of: {}", known.join(", ")), "UNKNOWN_VARIANT")
    }

    fn unknown_field(_: &str, known: &'static [&'static str]) -> Self {
        Self::new(format!("has an unknown field; known are: {}", known.join(", ")), "UNKNOWN_FIELD")
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new("is missing", "MISSING").below(Step::Field(field))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::new("is there twice", "DUPLICATE").below(Step::Field(field))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Fault {}
