//! `TokenSource`: a shared credential, and the remedy that refreshes it.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, PoisonError, RwLock};

use buttress_error::{Error, Kind};

use super::{BoxFuture, Remedy, RemedyBuilder, on};

/// A credential that many calls use, and that one call refreshes for all.
///
/// The layer that puts the token on requests must be *inside* the retry layer, so that a retried request carries the new
/// token. It calls [`current`](Self::current) for each request. While there is no token yet, calls are sent without one and
/// fail, and the remedy fetches the first.
///
/// Clones share one token.
///
/// ```
/// use buttress_error::{Error, Kind};
/// use buttress_retry::{Policy, TokenSource, retry};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tokens = TokenSource::new(|| async { Ok::<_, Error>("s3cret".to_owned()) });
/// let policy = Policy::exponential().with_remedy(tokens.remedy().build()?).build()?;
///
/// let body = retry(&policy, || async {
///     match tokens.current() {
///         Some(token) if *token == "s3cret" => Ok("body"),
///         _ => Err(Error::new(Kind::Unauthenticated, "token is not valid")),
///     }
/// });
/// assert_eq!(body.await?, "body");
/// # Ok(()) }
/// ```
pub struct TokenSource<T = String>(Arc<Source<T>>);

struct Source<T> {
    current: RwLock<Option<Arc<T>>>,
    fetch: Box<dyn Fn() -> BoxFuture<T> + Send + Sync>,
}

impl<T: Send + Sync + 'static> TokenSource<T> {
    /// Creates a source of tokens that `fetch` gets from their issuer. There is no token before the first
    /// [`refresh`](Self::refresh).
    pub fn new<F, Fut, E>(fetch: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
        E: Into<Error>,
    {
        let fetch = move || -> BoxFuture<T> {
            let token = fetch();
            Box::pin(async { token.await.map_err(Into::into) })
        };
        Self(Arc::new(Source { current: RwLock::default(), fetch: Box::new(fetch) }))
    }

    /// Returns the current token, if there is one.
    #[must_use]
    pub fn current(&self) -> Option<Arc<T>> {
        self.0.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Fetches a new token and makes it the current one. As a [`remedy`](Self::remedy) this happens once for all calls that
    /// need it.
    ///
    /// # Errors
    /// The error of `fetch`. The previous token stays.
    ///
    /// # Cancel safety
    /// If the future is dropped, the previous token stays.
    pub async fn refresh(&self) -> Result<(), Error> {
        let token = Arc::new((self.0.fetch)().await?);
        let previous = self.0.current.write().unwrap_or_else(PoisonError::into_inner).replace(token);
        // Outside the lock, because dropping it runs the user's code.
        drop(previous);
        Ok(())
    }

    /// Starts a remedy that refreshes the token on failures of kind [`Unauthenticated`](Kind::Unauthenticated).
    pub fn remedy(&self) -> RemedyBuilder {
        Remedy::run(on(Kind::Unauthenticated), self.clone(), |tokens| async move { tokens.refresh().await })
            .name("refresh_token")
    }
}

/// The clone shares the token.
impl<T> Clone for TokenSource<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// Does not show the token.
impl<T> fmt::Debug for TokenSource<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenSource").finish_non_exhaustive()
    }
}
