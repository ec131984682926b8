//! `Bearer`: the token of the moment.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use buttress_error::{Error, Kind};
use http::HeaderValue;

/// The bearer token of the moment, shared by all clones: whoever refreshes it sets it here, and
/// [`BearerLayer`](crate::BearerLayer) puts it on each attempt.
///
/// Never shown: not in `Debug`, and not in that of a request.
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
    /// No token yet: requests go without one, until somebody sets it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the token, for all attempts that begin from now on.
    ///
    /// # Errors
    /// [`Kind::InvalidArgument`] if it is empty or has a character that is blank, or not of ASCII. The old one stays.
    #[track_caller]
    pub fn set(&self, token: &str) -> Result<(), Error> {
        let good = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
        let value = HeaderValue::try_from(format!("Bearer {token}")).ok().filter(|_| good);
        let Some(mut value) = value else {
            return Err(Error::new(Kind::InvalidArgument, "a bearer token is visible characters of ASCII"));
        };
        value.set_sensitive(true);
        self.replace(Some(value));
        Ok(())
    }

    /// Forgets the token.
    pub fn clear(&self) {
        self.replace(None);
    }

    /// Is there one?
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.header().is_some()
    }

    /// The value of the header. Shared: nothing is copied.
    pub(super) fn header(&self) -> Option<HeaderValue> {
        // Nothing under the lock panics: what is in it is whole.
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
