//! `TokenSource`: a credential, and the remedy that refreshes it.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, PoisonError, RwLock};

use buttress_error::{Error, Kind};

use super::{BoxFuture, Remedy, RemedyBuilder, on};

/// A credential that many calls use and one refreshes.
///
/// The layer that puts it on a request stands *below* the retry, so that the repeated request carries the new one; it
/// asks [`current`](Self::current) for each request. Where there is none yet the first calls go without, fail, and are
/// healed.
///
/// A handle: clones share one token.
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
    /// Tokens that `fetch` gets from who issues them. There is none before the first [`refresh`](Self::refresh).
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

    /// The token to be used now.
    #[must_use]
    pub fn current(&self) -> Option<Arc<T>> {
        self.0.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Gets a new token, and uses it from now on. As a [`remedy`](Self::remedy) it does so once for all who need it.
    ///
    /// # Errors
    /// What `fetch` failed with. The former token stays.
    ///
    /// # Cancel safety
    /// Dropped, it leaves the former token.
    pub async fn refresh(&self) -> Result<(), Error> {
        let token = Arc::new((self.0.fetch)().await?);
        let former = self.0.current.write().unwrap_or_else(PoisonError::into_inner).replace(token);
        // Not under the lock: dropping it is the caller's code.
        drop(former);
        Ok(())
    }

    /// Refreshes the token on failures of kind [`Unauthenticated`](Kind::Unauthenticated).
    pub fn remedy(&self) -> RemedyBuilder {
        Remedy::run(on(Kind::Unauthenticated), self.clone(), |tokens| async move { tokens.refresh().await })
            .name("refresh_token")
    }
}

/// The same tokens.
impl<T> Clone for TokenSource<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// Without the token.
impl<T> fmt::Debug for TokenSource<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}
