//! garde's reports.

use buttress_error::{Class, Error, Kind, Violation};
use garde::{Report, Validate};
use serde::de::DeserializeOwned;

use super::field::shown;
use super::read_json;

/// Reads JSON that a client has sent, and asks its own rules whether it is good: [`read_json`], then
/// [`garde`](https://docs.rs/garde).
///
/// # Errors
/// [`Kind::InvalidArgument`], with a violation of the first field that can't be read, or of each that breaks a rule.
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

/// What a report of [`garde`](https://docs.rs/garde) says, as an error of kind [`Kind::InvalidArgument`] with a violation
/// of each field.
///
/// The rules of garde itself quote no value; your own must not either. In the path a key that is no plain name, of ASCII
/// letters, digits and `_`, at most 63 of them, is `*`: garde can't tell a field from a key of a map.
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
