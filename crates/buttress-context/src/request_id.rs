//! `RequestId`: a version 7 UUID, or a validated text from elsewhere.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use uuid::Uuid;

use crate::random;

/// The id of a request, for logs and headers.
///
/// Its text is always 1 to 128 characters of `[A-Za-z0-9._~+/=:@-]`, which need no escaping in a header or a log line. Ids
/// are equal exactly if their texts are.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RequestId(Repr);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Repr {
    /// Used for every text that is a UUID, so that equal texts are equal ids.
    Uuid(Uuid),
    Text(Arc<str>),
}

/// The error for a text that is not a request id: empty, longer than 128 bytes, or with a character outside
/// `[A-Za-z0-9._~+/=:@-]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidRequestId;

impl fmt::Display for InvalidRequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a request id is 1 to 128 characters of [A-Za-z0-9._~+/=:@-]")
    }
}

impl std::error::Error for InvalidRequestId {}

impl RequestId {
    /// The longest text that is accepted, in bytes.
    pub const MAX_LEN: usize = 128;

    /// Creates a version 7 UUID (RFC 9562, section 5.7) with 74 random bits. It is unique, not secret: who knows other ids
    /// of this process can guess it.
    #[must_use]
    pub fn random() -> Self {
        // A clock before 1970 gives the time part zero; the random part still tells ids apart.
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let millis = u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX);
        Self(Repr::Uuid(uuid::Builder::from_unix_timestamp_millis(millis, &random::bytes()).into_uuid()))
    }

    /// Validates an id from elsewhere.
    ///
    /// # Errors
    /// [`InvalidRequestId`] if it is empty, longer than 128 bytes, or has a character outside
    /// `[A-Za-z0-9._~+/=:@-]`.
    pub fn parse(text: &str) -> Result<Self, InvalidRequestId> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._~+/=:@-".contains(&byte);
        if !(1..=Self::MAX_LEN).contains(&text.len()) || !text.bytes().all(allowed) {
            return Err(InvalidRequestId);
        }
        let uuid = Uuid::try_parse(text).ok().map(|uuid| Self(Repr::Uuid(uuid)));
        Ok(uuid.filter(|id| id.as_str(&mut [0; 36]) == text).unwrap_or_else(|| Self(Repr::Text(text.into()))))
    }

    /// Returns its text, written into `buffer` if the id is a UUID.
    pub fn as_str<'a>(&'a self, buffer: &'a mut [u8; 36]) -> &'a str {
        match &self.0 {
            Repr::Uuid(uuid) => uuid.as_hyphenated().encode_lower(buffer),
            Repr::Text(text) => text,
        }
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str(&mut [0; 36]))
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
