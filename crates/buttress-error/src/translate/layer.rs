use std::fmt;
use std::sync::Arc;

use tower_layer::Layer;

use super::TranslateService;
use crate::BoxError;
use crate::error::Error;
use crate::foreign::{Chain, into_box};
use crate::guarded::IntoGuarded;
use crate::handle::Handle;

/// Makes another error type of the one below: "translate infrastructure errors at the boundary".
///
/// Put it at the bottom of a stack whose service has an error type that the layers above do not know, such as
/// `Infallible`, [`BoxError`] or a client's own. The compiler's `Infallible: From<Rejection>` means that this layer is
/// missing.
///
/// ```
/// use buttress_error::{Error, Kind, TranslateLayer};
/// use tower::{Layer, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// async fn lookup(_: u32) -> Result<String, std::io::Error> {
///     Err(std::io::ErrorKind::ConnectionRefused.into())
/// }
///
/// let db = TranslateLayer::new("db").layer(service_fn(lookup));
/// let error: Error = db.oneshot(7).await.unwrap_err();
/// assert_eq!(error.kind(), Kind::Unavailable);
/// assert_eq!(error.to_string(), "db: connection refused");
/// # }
/// ```
#[derive(Clone)]
pub struct TranslateLayer<T = Foreign> {
    translate: T,
}

impl TranslateLayer {
    /// Makes an [`Error`] of any error, of the domain `name`; known types keep their class
    /// (see [`classify`](crate::classify)).
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self { translate: Foreign::new(name.into(), Chain::default()) }
    }

    /// Classifies by rules of your own first. Default: none.
    ///
    /// ```
    /// use buttress_error::{Class, Kind, chain, translate};
    /// # use tower::{Layer, ServiceExt, service_fn};
    /// # #[derive(Debug, thiserror::Error)]
    /// # #[error("duplicate key")]
    /// # struct PgError { code: &'static str }
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    ///
    /// let db = translate("db").rules(chain().rule(|error: &PgError| match error.code {
    ///     "23505" => Some(Class::new(Kind::AlreadyExists).reason("DUPLICATE")),
    ///     "40001" => Some(Class::new(Kind::Aborted)),
    ///     _ => None,
    /// }));
    /// # async fn insert(_: ()) -> Result<(), PgError> { Err(PgError { code: "23505" }) }
    /// # let error = db.layer(service_fn(insert)).oneshot(()).await.unwrap_err();
    /// # assert_eq!((error.kind(), error.class().reason), (Kind::AlreadyExists, Some("DUPLICATE")));
    /// # }
    /// ```
    #[must_use]
    pub fn rules(self, rules: Chain) -> Self {
        Self { translate: Foreign::new(Arc::clone(&self.translate.domain.name), rules) }
    }
}

/// [`TranslateLayer::new`] in a word: foreign errors become [`Error`]s of the domain `name`.
#[must_use]
pub fn translate(name: impl Into<Arc<str>>) -> TranslateLayer {
    TranslateLayer::new(name)
}

impl TranslateLayer<IntoGuarded> {
    /// Keeps every error as it is, in a [`Guarded`](crate::Guarded) that has room for a rejection too: for services whose
    /// error type cannot hold one.
    ///
    /// A layer above reads the class of an error that has one. For errors without a class, give it a classifier, such as
    /// [`ByResult`](crate::ByResult).
    ///
    /// ```
    /// use buttress_error::{Guarded, TranslateLayer};
    /// use tower::{Layer, ServiceExt, service_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// async fn lookup(_: u32) -> Result<u32, String> {
    ///     Err("no such order".to_owned())
    /// }
    ///
    /// let orders = TranslateLayer::guarded().layer(service_fn(lookup));
    /// match orders.oneshot(7).await.unwrap_err() {
    ///     Guarded::Inner(message) => assert_eq!(message, "no such order"),
    ///     Guarded::Rejected(rejection) => unreachable!("no layer is above: {rejection}"),
    /// }
    /// # }
    /// ```
    #[must_use]
    pub const fn guarded() -> Self {
        Self { translate: IntoGuarded }
    }
}

impl<T> TranslateLayer<T> {
    /// Translates by a function, such as the path of an enum variant or a closure. A closure that calls a method of
    /// its argument has to name the type: `|e: reqwest::Error| …`.
    #[must_use]
    pub const fn with(translate: T) -> Self {
        Self { translate }
    }
}

impl<T> fmt::Debug for TranslateLayer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TranslateLayer").finish_non_exhaustive()
    }
}

impl<S, T: Clone> Layer<S> for TranslateLayer<T> {
    type Service = TranslateService<S, T>;

    fn layer(&self, inner: S) -> Self::Service {
        TranslateService::new(inner, self.translate.clone())
    }
}

/// How [`TranslateLayer`] makes one error of another: any `Fn(E) -> Out`, or [`Foreign`].
pub trait Translate<E> {
    /// The new error.
    type Out;

    /// Translates one error.
    fn translate(&self, error: E) -> Self::Out;

    /// Returns a copy whose clones count references in a place of their own, for a service that makes many calls.
    #[doc(hidden)]
    #[must_use]
    fn with_own_count(&self) -> Self
    where
        Self: Clone,
    {
        self.clone()
    }
}

impl<E, Out, F: Fn(E) -> Out> Translate<E> for F {
    type Out = Out;

    fn translate(&self, error: E) -> Out {
        self(error)
    }
}

/// Makes an [`Error`] of anything that fits into a [`BoxError`], and names the domain it came from.
#[derive(Clone, Debug)]
pub struct Foreign {
    domain: Handle<Domain>,
}

#[derive(Debug)]
struct Domain {
    name: Arc<str>,
    rules: Chain,
}

impl Foreign {
    fn new(name: Arc<str>, rules: Chain) -> Self {
        Self { domain: Handle::new(Domain { name, rules }) }
    }
}

impl<E: Into<BoxError> + 'static> Translate<E> for Foreign {
    type Out = Error;

    fn translate(&self, error: E) -> Error {
        Error::translated(into_box(error), &self.domain.rules, Arc::clone(&self.domain.name))
    }

    fn with_own_count(&self) -> Self {
        Self { domain: self.domain.with_own_count() }
    }
}
