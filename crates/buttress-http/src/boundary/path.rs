//! serde_path_to_error's errors.

use buttress_error::{Class, Error, Kind, Violation};
use serde_path_to_error::{Error as AtPath, Path, Segment};

use super::field::shown;

/// What an extractor that reads with [`serde_path_to_error`](https://docs.rs/serde_path_to_error) found wrong, as an error
/// of kind [`Kind::InvalidArgument`] with a violation. [`read_json`](crate::read_json) says more: what was expected.
///
/// The words of the error inside quote what was sent, so they are left out. In the path a key that is no plain name, of
/// ASCII letters, digits and `_`, at most 63 of them, is `*`: the path can't tell a field from a key of a map.
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
