//! Converts errors of serde_path_to_error.

use buttress_error::{Class, Error, Kind, Violation};
use serde_path_to_error::{Error as AtPath, Path, Segment};

use super::field::shown;

/// Converts the error of an extractor that uses [`serde_path_to_error`](https://docs.rs/serde_path_to_error) into an error of
/// kind [`Kind::InvalidArgument`] with a violation. [`read_json`](crate::read_json) also says what was expected.
///
/// The message of the inner error quotes the body, so it is left out. A path segment that is not a plain name of at most 63
/// ASCII letters, digits and `_` is `*`, because the path does not distinguish fields from map keys.
///
/// ```
/// use buttress_http::invalid_at;
///
/// let mut body = serde_json::Deserializer::from_str(r#"[1, "4111-1111"]"#);
/// let error = serde_path_to_error::deserialize::<_, Vec<u8>>(&mut body).unwrap_err();
/// assert_eq!(invalid_at(&error).to_string(), "[1]: is not valid");
/// ```
#[must_use]
#[track_caller]
pub fn invalid_at<E>(error: &AtPath<E>) -> Error {
    let violation = Violation::new(field(error.path()), "is not valid").reason("NOT_VALID");
    Error::new(Class::new(Kind::InvalidArgument).public(), violation.to_string()).violation(violation)
}

fn field(path: &Path) -> String {
    let mut field = String::new();
    for step in path {
        let name = match step {
            Segment::Seq { index } => {
                field.push_str(&format!("[{index}]"));
                continue;
            }
            Segment::Map { key } => shown(key),
            Segment::Enum { variant } => shown(variant),
            Segment::Unknown => "*",
        };
        if !field.is_empty() {
            field.push('.');
        }
        field.push_str(name);
    }
    if field.is_empty() { "body".to_owned() } else { field }
}
