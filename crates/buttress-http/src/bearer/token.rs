//! `Bearer`: the current bearer token.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use buttress_error::{Error, Kind};
use http::HeaderValue;

/// The current bearer token, shared by all clones. A remedy that refreshes the token sets it here, and
/// [`BearerLayer`](crate::BearerLayer) sends it with each attempt.
///
/// The token is never shown, neither in `Debug` of this type nor in that of a request.
///
/// ```
/// use buttress_http::Bearer;
///
/// # fn main() -> Result<(), buttress_error::Error> {
/// let token = Bearer::new();
/// assert!(!token.is_set());
/// token.clone().set("mF_9.B5f-4.1JqM")?;
/// assert!(token.is_set());
/// # Ok(()) }
/// ```
#[derive(Clone, Default)]
pub struct Bearer(Arc<RwLock<Option<HeaderValue>>>);

impl Bearer {
    /// Creates a holder without a token: requests have none until it is set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the token for all attempts that start from now on.
    ///
    /// # Errors
    /// [`Kind::InvalidArgument`] if the token is empty or has a character other than visible ASCII. The old token stays.
    #[track_caller]
    pub fn set(&self, token: &str) -> Result<(), Error> {
        let is_valid = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
        let value = HeaderValue::try_from(format!("Bearer {token}")).ok().filter(|_| is_valid);
        let Some(mut value) = value else {
            return Err(Error::new(
                Kind::InvalidArgument,
                "a bearer token must consist of visible ASCII characters",
            ));
        };
        value.set_sensitive(true);
        self.replace(Some(value));
        Ok(())
    }

    /// Removes the token.
    pub fn clear(&self) {
        self.replace(None);
    }

    /// Returns `true` if there is a token.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.header().is_some()
    }

    /// Returns the value of the header, which is shared and not copied.
    pub(super) fn header(&self) -> Option<HeaderValue> {
        // No code under the lock panics, so the value is complete even if the lock is poisoned.
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn replace(&self, value: Option<HeaderValue>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = value;
    }
}

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_set() { "Bearer(set)" } else { "Bearer(none)" })
    }
}
