//! `read_json`: reads a request's body, or names the field that is wrong.

use buttress_error::{Class, Error, Kind, Violation};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::explain::Explain;

/// Reads JSON that a client has sent.
///
/// A [`Violation`] has the path of the wrong field and the JSON type that was expected. The error contains no part of the
/// body, neither a value nor the name of an unknown field, and map keys are `*` in the path. The message of a type's own
/// `deserialize_with` is left out as well, because it may quote the body.
///
/// ```
/// use buttress_http::read_json;
///
/// #[derive(Debug, serde::Deserialize)]
/// struct Item {
///     amount: u32,
/// }
///
/// #[derive(Debug, serde::Deserialize)]
/// struct Order {
///     items: Vec<Item>,
/// }
///
/// let error = read_json::<Order>(br#"{"items":[{"amount":1},{"amount":"4111-1111"}]}"#).unwrap_err();
/// assert_eq!(error.to_string(), "items[1].amount: expected an integer in 0..=4294967295");
/// assert!(error.violations()[0].field == "items[1].amount");
///
/// assert_eq!(read_json::<Order>(br#"{"items":[{}]}"#).unwrap_err().to_string(), "items[0].amount: is missing");
/// # assert_eq!(read_json::<Order>(br#"{"items":[{"amount":7}]}"#).unwrap().items[0].amount, 7);
/// ```
///
/// A valid body costs the same as with `serde_json`. An invalid one is read a second time.
///
/// # Errors
/// [`Kind::InvalidArgument`] with one violation: of the first wrong field, or of `body` if it is not JSON.
#[track_caller]
pub fn read_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    match serde_json::from_slice(body) {
        Ok(value) => Ok(value),
        // The message of serde_json quotes the body, so it is dropped.
        Err(_) => Err(refused(explained::<T>(body))),
    }
}

fn explained<T: DeserializeOwned>(body: &[u8]) -> Violation {
    let tree = match serde_json::from_slice::<Value>(body) {
        Ok(tree) => tree,
        Err(error) => {
            let at = format!("is not JSON (line {}, column {})", error.line(), error.column());
            return Violation::new("body", at).reason("NO_JSON");
        }
    };
    match T::deserialize(Explain(&tree)) {
        Err(fault) => fault.into_violation(),
        // The tree does not show a duplicate name, or more digits than a number holds.
        Ok(_) => Violation::new("body", "is not valid").reason("NOT_VALID"),
    }
}

#[track_caller]
fn refused(violation: Violation) -> Error {
    Error::new(Class::new(Kind::InvalidArgument).public(), violation.to_string()).violation(violation)
}
