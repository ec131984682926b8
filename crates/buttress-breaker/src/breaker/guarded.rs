//! `GuardedBreaker`: calls whose error type need not hold a rejection.

use std::fmt;
use std::future::Future;

use buttress_error::{ByKind, Classifier, Guarded, Verdict};

use crate::breaker::Breaker;

/// Makes calls through a [`Breaker`] with any error type `E`. They fail with a [`Guarded<E>`]: the error of the call, or the
/// breaker's [`Rejection`](buttress_error::Rejection). Made by [`Breaker::guarded`].
///
/// By default the error's own class judges the call, as in [`Breaker::call`]. An error type without a class, such as a
/// `String`, needs a [classifier](Self::classifier).
#[must_use = "it makes no call by itself"]
#[derive(Clone, Copy)]
pub struct GuardedBreaker<'b, C = ByKind> {
    breaker: &'b Breaker,
    classifier: C,
}

impl Breaker {
    /// Prepares a call whose error type cannot hold a [`Rejection`](buttress_error::Rejection). The call fails with a
    /// [`Guarded`] instead.
    ///
    /// ```
    /// use std::net::TcpStream;
    ///
    /// use buttress_breaker::Breaker;
    /// use buttress_error::{ByResult, Guarded};
    ///
    /// let cache = Breaker::new("cache");
    /// match cache.guarded().call_blocking(|| TcpStream::connect("127.0.0.1:1")) {
    ///     Ok(stream) => drop(stream),
    ///     Err(Guarded::Inner(error)) => println!("not connected: {error}"), // a `std::io::Error`
    ///     Err(Guarded::Rejected(rejection)) => println!("not tried: {rejection}"),
    /// }
    ///
    /// // A `String` has no class: every `Err` is a failure, of kind unknown.
    /// let outcome = cache.guarded().classifier(ByResult).call_blocking(|| Err::<(), _>("no such shard".to_owned()));
    /// assert!(!outcome.unwrap_err().is_rejected());
    /// ```
    pub const fn guarded(&self) -> GuardedBreaker<'_> {
        GuardedBreaker { breaker: self, classifier: ByKind }
    }
}

impl<'b, C> GuardedBreaker<'b, C> {
    /// Judges the call by `classifier` instead of [`ByKind`]. [`ByResult`](buttress_error::ByResult), for example, judges every
    /// error as a failure of kind [`Unknown`](buttress_error::Kind::Unknown).
    pub fn classifier<D>(self, classifier: D) -> GuardedBreaker<'b, D> {
        GuardedBreaker { breaker: self.breaker, classifier }
    }

    /// Judges the call by a closure. Name the type of its argument: `|reply: &Result<Reply, Error>| …`.
    pub fn classify_with<F, T, E>(self, judge: F) -> GuardedBreaker<'b, F>
    where
        F: Fn(&Result<T, E>) -> Verdict,
    {
        self.classifier(judge)
    }

    /// Makes the call if the circuit admits it.
    ///
    /// # Errors
    /// [`Guarded::Inner`] with the error of the call, or [`Guarded::Rejected`].
    ///
    /// # Cancel safety
    /// As [`Breaker::call`].
    pub async fn call<F, Fut, T, E>(self, make: F) -> Result<T, Guarded<E>>
    where
        C: Classifier<T, E>,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        let Self { breaker, classifier } = self;
        breaker.call_any(classifier, make).await?.map_err(Guarded::Inner)
    }

    /// Makes a blocking call if the circuit admits it.
    ///
    /// # Errors
    /// [`Guarded::Inner`] with the error of the call, or [`Guarded::Rejected`].
    pub fn call_blocking<F, T, E>(self, make: F) -> Result<T, Guarded<E>>
    where
        C: Classifier<T, E>,
        F: FnOnce() -> Result<T, E>,
    {
        self.breaker.call_blocking_with(&self.classifier, make)?.map_err(Guarded::Inner)
    }
}

impl<C> fmt::Debug for GuardedBreaker<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardedBreaker").field("breaker", &self.breaker).finish_non_exhaustive()
    }
}
