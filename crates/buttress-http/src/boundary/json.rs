//! `read_json`: a request's body, or which field of it is wrong.

use buttress_error::{Class, Error, Kind, Violation};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::explain::Explain;

/// Reads JSON that a client has sent.
///
/// A [`Violation`] says what is wrong with it: the path of the field, and the JSON type that was expected there. Nothing of the
/// body itself is in the error, neither a value nor the name of a field that nobody knows; keys of maps are `*` in the
/// path. So the words of a type's own `deserialize_with` are left out too, as they may quote.
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
/// A good body costs what `serde_json` costs. A bad one is read a second time.
///
/// # Errors
/// [`Kind::InvalidArgument`], with one violation: of the first field that is wrong, or of `body` where it is no JSON.
#[track_caller]
pub fn read_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    match serde_json::from_slice(body) {
        Ok(value) => Ok(value),
        // Its words quote the body, so nothing of it is kept.
        Err(_) => Err(refused(explained::<T>(body))),
    }
}

fn explained<T: DeserializeOwned>(body: &[u8]) -> Violation {
    let tree = match serde_json::from_slice::<Value>(body) {
        Ok(tree) => tree,
        Err(error) => {
            let at = format!("is no JSON (line {}, column {})", error.line(), error.column());
            return Violation::new("body", at).reason("NO_JSON");
        }
    };
    match T::deserialize(Explain(&tree)) {
        Err(fault) => fault.into_violation(),
        // The tree can't show it: a name that is there twice, or more digits than a number has.
        Ok(_) => Violation::new("body", "is not valid").reason("NOT_VALID"),
    }
}

#[track_caller]
fn refused(violation: Violation) -> Error {
    Error::new(Class::new(Kind::InvalidArgument).public(), violation.to_string()).violation(violation)
}
