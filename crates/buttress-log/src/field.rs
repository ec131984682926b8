//! Values for fields.

use std::fmt;

use serde::Serialize;
use tracing::field::DebugValue;

use crate::encode::nested;

/// Makes a field value of anything that serializes: an object, an array or a scalar in the line, not a text.
///
/// ```
/// use buttress_log::field::json;
///
/// #[derive(serde::Serialize)]
/// struct Order {
///     id: u64,
///     items: Vec<&'static str>,
/// }
///
/// let logs = buttress_log::test::capture();
/// tracing::info!(order = json(&Order { id: 17, items: vec!["tea"] }), "paid");
/// assert_eq!(logs.assert_message("paid").get("order"), Some(r#"{"id":17,"items":["tea"]}"#));
/// ```
///
/// The form is that of serde_json, with the limits and the redaction of all fields:
///
/// - Values of secret names, at any depth, and secrets in texts are redacted. [`Redaction`](crate::Redaction) takes
///   dotted paths (`order.note`).
/// - Long texts are cut. Members and items that do not fit into the limit of a field are counted: `"…":"[3 more]"`.
/// - At most 32 levels are nested; what is deeper is `"[too deep]"`.
/// - The second of two equal keys gets an underscore, so that no object has a key twice.
/// - If the value's `Serialize` fails or panics, the field is a text that says so.
///
/// Other subscribers see JSON as a text. It is also a text where it is a part of a larger value (`?Some(json(&order))`).
pub fn json<T: Serialize + ?Sized>(value: &T) -> DebugValue<Json<'_, T>> {
    tracing::field::debug(Json(value))
}

/// The value that [`json`] makes. Its `Debug` is JSON.
#[derive(Clone, Copy)]
pub struct Json<'a, T: ?Sized>(&'a T);

impl<T: Serialize + ?Sized> fmt::Debug for Json<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        nested::debug(f, self.0)
    }
}
