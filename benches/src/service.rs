//! The services under measurement. They cost almost nothing, so the figures are those of the layers around them.

use std::cell::Cell;
use std::fmt::Debug;
use std::future::{Ready, ready};
use std::hint::black_box;
use std::io;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use buttress::error::Classified;
use buttress::{BoxError, Class, Classify, Error, Kind, Rejection};
use tower::{Service, service_fn};

/// An error type that a user of the layers has: the headline row of a case has [`App`], and the two others are variants.
pub(crate) trait Failure:
    Classified + From<Rejection> + Into<BoxError> + Debug + Send + 'static
{
    /// Follows the name of a subject.
    const VARIANT: &'static str;

    /// The failure of a dependency that is down: it may be retried, and it counts against a circuit.
    fn down() -> Self;
}

/// An application's error enum. It holds a rejection by value, so a layer allocates nothing to refuse a call.
#[derive(Debug, thiserror::Error)]
pub(crate) enum App {
    #[error("there is no order {0}")]
    NoOrder(u64),
    #[error("the gateway is down")]
    GatewayDown,
    #[error("cannot read the order")]
    Unreadable(#[from] io::Error),
    #[error(transparent)]
    Refused(#[from] Rejection),
}

impl Classify for App {
    fn class(&self) -> Class {
        match self {
            Self::NoOrder(_) => Kind::NotFound.into(),
            Self::GatewayDown => Kind::Unavailable.into(),
            Self::Unreadable(error) => error.class(),
            Self::Refused(rejection) => rejection.class(),
        }
    }
}

impl Failure for App {
    const VARIANT: &'static str = "";

    fn down() -> Self {
        // Never true, and the compiler cannot tell: no variant of the enum is dead code.
        if black_box(false) { Self::NoOrder(17) } else { Self::GatewayDown }
    }
}

impl Failure for Error {
    const VARIANT: &'static str = "/error";

    fn down() -> Self {
        Self::new(Kind::Unavailable, "the gateway is down")
    }
}

impl Failure for BoxError {
    const VARIANT: &'static str = "/box";

    fn down() -> Self {
        io::Error::from(io::ErrorKind::ConnectionRefused).into()
    }
}

/// A service that can be cloned for each thread.
pub(crate) trait Inner<E>:
    Service<u64, Response = u64, Error = E, Future: Send> + Clone + Send + 'static
{
}

impl<E, S> Inner<E> for S where
    S: Service<u64, Response = u64, Error = E, Future: Send> + Clone + Send + 'static
{
}

/// Responds at once.
pub(crate) fn prompt<E: Failure>() -> impl Inner<E> {
    service_fn(|request: u64| ready(Ok(black_box(request))))
}

/// Responds at the second poll.
pub(crate) fn tardy<E: Failure>() -> impl Inner<E> {
    service_fn(|request: u64| Tardy { request, polled: false, error: PhantomData })
}

/// Fails and succeeds in turn, both at once.
pub(crate) fn flaky<E: Failure>() -> impl Inner<E> {
    service_fn(flaky_call)
}

/// The same as a function.
pub(crate) fn flaky_call<E: Failure>(request: u64) -> Ready<Result<u64, E>> {
    thread_local! {
        static FAILED: Cell<bool> = const { Cell::new(false) };
    }
    let succeeds = FAILED.replace(!FAILED.get());
    ready(if succeeds { Ok(black_box(request)) } else { Err(E::down()) })
}

/// The future of [`tardy`].
struct Tardy<E> {
    request: u64,
    polled: bool,
    error: PhantomData<fn() -> E>,
}

impl<E> Future for Tardy<E> {
    type Output = Result<u64, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.polled {
            return Poll::Ready(Ok(black_box(self.request)));
        }
        self.polled = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
