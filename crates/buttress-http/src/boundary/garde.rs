//! garde's reports.

use buttress_error::{Class, Error, Kind, Violation};
use garde::{Report, Validate};
use serde::de::DeserializeOwned;

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
        let field = field(&path.to_string());
        Violation::new(field, error.message().to_owned()).reason("RULE")
    });
    let error = Error::new(Class::new(Kind::InvalidArgument).public(), "request is not valid");
    violations.fold(error, Error::violation)
}

fn field(path: &str) -> String {
    let shown: Vec<_> = path.split('.').map(|step| if is_plain(step) { step } else { "*" }).collect();
    if path.is_empty() { "body".to_owned() } else { shown.join(".") }
}

/// `name`, `name[2]`, `[2][3]`.
fn is_plain(step: &str) -> bool {
    let (name, indices) = step.split_at(step.find('[').unwrap_or(step.len()));
    let index = |text: &str| {
        text.strip_suffix(']')
            .is_some_and(|text| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()))
    };
    name.len() <= 63
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && indices.split('[').skip(1).all(index)
}
