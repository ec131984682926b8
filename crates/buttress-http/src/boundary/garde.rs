//! Converts reports of garde.

use buttress_error::{Class, Error, Kind, Violation};
use garde::{Report, Validate};
use serde::de::DeserializeOwned;

use super::field::shown;
use super::read_json;

/// Reads JSON that a client has sent with [`read_json`], then validates it with [`garde`](https://docs.rs/garde).
///
/// # Errors
/// [`Kind::InvalidArgument`], with a violation of the first field that cannot be read, or of each field that breaks a rule.
#[track_caller]
pub fn read_valid_json<T>(body: &[u8]) -> Result<T, Error>
where
    T: DeserializeOwned + Validate,
    T::Context: Default,
{
    let value = read_json::<T>(body)?;
    match value.validate() {
        Ok(()) => Ok(value),
        Err(report) => Err(invalid(&report)),
    }
}

/// Converts a report of [`garde`](https://docs.rs/garde) into an error of kind [`Kind::InvalidArgument`] with a violation of
/// each field.
///
/// The built-in rules of garde quote no values, and custom rules must not either. A path segment that is not a plain name of
/// at most 63 ASCII letters, digits and `_` is `*`, because garde does not distinguish fields from map keys.
///
/// ```
/// use buttress_http::invalid;
/// use garde::{Error, Path, Report};
///
/// let mut report = Report::new();
/// report.append(Path::new("items").join(2_usize).join("amount"), Error::new("lower than 1"));
/// let error = invalid(&report);
/// assert_eq!(error.violations()[0].to_string(), "items[2].amount: lower than 1");
/// ```
#[must_use]
#[track_caller]
pub fn invalid(report: &Report) -> Error {
    let violations = report.iter().map(|(path, error)| {
        Violation::new(field(&path.to_string()), error.message().to_owned()).reason("RULE")
    });
    let error = Error::new(Class::new(Kind::InvalidArgument).public(), "request is not valid");
    violations.fold(error, Error::violation)
}

/// `name`, `name[2]`, `[2][3]`, with dots between.
fn field(path: &str) -> String {
    if path.is_empty() {
        return "body".to_owned();
    }
    let steps: Vec<_> = path.split('.').map(step).collect();
    steps.join(".")
}

fn step(step: &str) -> String {
    let (name, indices) = step.split_at(step.find('[').unwrap_or(step.len()));
    let is_index = |text: &str| {
        let digits = text.strip_suffix(']').unwrap_or_default();
        !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
    };
    if indices.split('[').skip(1).all(is_index) {
        format!("{}{indices}", shown(name))
    } else {
        "*".to_owned()
    }
}
