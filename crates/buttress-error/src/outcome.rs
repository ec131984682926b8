//! `Outcome`: a result in the form that other programs read.

use std::borrow::Cow;

use serde::de::value::UnitDeserializer;
use serde::ser::SerializeStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::class::Class;
use crate::error::Error;
use crate::error::shown;
use crate::kind::Kind;
use crate::reason::intern_reason;

/// A result in the form that other programs read: `{"ok":true,"value":…}` or `{"ok":false,"error":{"code":…,"kind":…,"message":…}}`.
///
/// Of an error it contains only what is [safe](Error::safe) for clients. A `value` that is `null` or missing is accepted for types
/// with an empty value, such as `()` and `Option`. Beside an error, `value` is ignored.
///
/// ```
/// use buttress_error::{Error, Kind, Outcome, Result};
///
/// let declined: Result<u32> =
///     Err(Error::new(Kind::FailedPrecondition, "issuer said 51").reason("CARD_DECLINED").public("card declined"));
/// assert_eq!(
///     serde_json::to_string(&Outcome::from(declined))?,
///     r#"{"ok":false,"error":{"code":"CARD_DECLINED","kind":"failed_precondition","message":"card declined"}}"#
/// );
///
/// let outcome: Outcome<u32> = serde_json::from_str(r#"{"ok":true,"value":42}"#)?;
/// assert_eq!(outcome.into_result()?, 42);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "a result is one of two")]
pub enum Outcome<T> {
    /// The result is a value.
    Ok(T),
    /// The result is an error.
    Error(Failure),
}

/// The error of an [`Outcome`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Failure {
    /// The reason, or the name of the kind in capitals if there is none.
    pub code: Cow<'static, str>,
    /// The kind. An unknown name is read as [`Kind::Unknown`].
    #[serde(deserialize_with = "lenient")]
    pub kind: Kind,
    /// The public message, or the title of the kind if there is none.
    pub message: Cow<'static, str>,
}

fn lenient<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Kind, D::Error> {
    let name = Cow::<str>::deserialize(deserializer)?;
    Ok(Kind::from_name(&name).unwrap_or(Kind::Unknown))
}

/// Reads a field that is present, even as `null`.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl<T> Outcome<T> {
    /// Converts it into a result. The error has the kind, the code as its reason, and a public message. A code that is not
    /// accepted as a [reason](crate::intern_reason) becomes the attribute `code`.
    ///
    /// # Errors
    /// Returns the error of the outcome.
    #[track_caller]
    pub fn into_result(self) -> crate::Result<T> {
        match self {
            Self::Ok(value) => Ok(value),
            Self::Error(failure) => Err(failure.into()),
        }
    }
}

impl<T, E: Into<Error>> From<Result<T, E>> for Outcome<T> {
    fn from(result: Result<T, E>) -> Self {
        match result {
            Ok(value) => Self::Ok(value),
            Err(error) => Self::Error(Failure::from(&error.into())),
        }
    }
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        let safe = error.safe();
        let kind = safe.kind();
        let code = safe.reason().map_or_else(|| kind.as_str().to_ascii_uppercase().into(), Cow::Borrowed);
        Self { code, kind, message: shown(&safe).into() }
    }
}

impl From<Failure> for Error {
    #[track_caller]
    fn from(failure: Failure) -> Self {
        let mut class = Class::new(failure.kind);
        let named = !failure.code.eq_ignore_ascii_case(failure.kind.as_str());
        class.reason = if named { intern_reason(&failure.code) } else { None };
        let error = Self::reported(class, failure.message.clone()).public(failure.message);
        // An invalid reason, or one too many, is kept as an attribute.
        if named && class.reason.is_none() { error.attr("code", &*failure.code) } else { error }
    }
}

impl<T: Serialize> Serialize for Outcome<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("Outcome", 2)?;
        match self {
            Self::Ok(value) => {
                out.serialize_field("ok", &true)?;
                out.serialize_field("value", value)?;
            }
            Self::Error(failure) => {
                out.serialize_field("ok", &false)?;
                out.serialize_field("error", failure)?;
            }
        }
        out.end()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Outcome<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(bound = "T: Deserialize<'de>")]
        struct Wire<T> {
            ok: bool,
            #[serde(default = "Option::default", deserialize_with = "present")]
            value: Option<Option<T>>,
            error: Option<Failure>,
        }
        let missing = <D::Error as serde::de::Error>::missing_field;
        let wire = Wire::deserialize(deserializer)?;
        match (wire.ok, wire.value) {
            (true, Some(Some(value))) => Ok(Self::Ok(value)),
            // Nothing, or nothing at all, is what some types are: `()`, an option.
            (true, Some(None)) => T::deserialize(UnitDeserializer::new()).map(Self::Ok),
            (true, None) => {
                let nothing = UnitDeserializer::<D::Error>::new();
                T::deserialize(nothing).map_or_else(|_| Err(missing("value")), |value| Ok(Self::Ok(value)))
            }
            (false, _) => wire.error.map(Self::Error).ok_or_else(|| missing("error")),
        }
    }
}
