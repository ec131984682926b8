//! `Secret`: a value that is not shown.

use std::fmt;

use super::detect::MARK;
use super::fingerprint::{Fingerprint, FingerprintKey};

/// A value that is secret whatever the name of its field is: `Debug` and `Display` write `[redacted]`.
///
/// There is no `Deref`, and no comparison whose time depends on the value: [`expose`](Self::expose) is the one way to the value,
/// and easy to find in a review. The memory is not overwritten when the value is dropped. For that, put a `SecretString` of the
/// crate [`secrecy`](https://docs.rs/secrecy) here or use it alone; its `Debug` is redacted, too.
///
/// ```
/// use buttress_error::Secret;
///
/// let token = Secret::new("tok_1234".to_owned());
/// assert_eq!(format!("{token} {token:?}"), "[redacted] [redacted]");
/// assert_eq!(token.fingerprint(), Secret::new("tok_1234").fingerprint());
/// assert_eq!(token.expose(), "tok_1234");
/// ```
#[derive(Clone, Copy, Default)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Creates a secret.
    #[must_use]
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// Returns the value.
    #[must_use]
    pub const fn expose(&self) -> &T {
        &self.0
    }

    /// Unwraps the value.
    #[must_use]
    pub fn into_exposed(self) -> T {
        self.0
    }
}

impl<T: AsRef<[u8]>> Secret<T> {
    /// Returns the fingerprint with the random [key of this process](FingerprintKey::of_process): equal for equal secrets, so
    /// that a log can say which of several keys was used. For a key of your own see [`FingerprintKey::fingerprint`].
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        FingerprintKey::of_process().fingerprint(&self.0)
    }
}

impl<T> From<T> for Secret<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

/// Writes `[redacted]`.
impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MARK)
    }
}

/// Writes `[redacted]`.
impl<T> fmt::Display for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MARK)
    }
}

/// Serializes `[redacted]`.
#[cfg(feature = "serde")]
#[cfg_attr(docsrs, doc(cfg(feature = "serde")))]
impl<T> serde::Serialize for Secret<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(MARK)
    }
}

/// Reads the value.
#[cfg(feature = "serde")]
#[cfg_attr(docsrs, doc(cfg(feature = "serde")))]
impl<'de, T: serde::Deserialize<'de>> serde::Deserialize<'de> for Secret<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self)
    }
}
