//! The services under measure: as good as free, so that what is left is the layer.

use std::future::{Ready, ready};
use std::hint::black_box;
use std::pin::Pin;
use std::task::{Context, Poll};

use buttress::{Class, Classify, Kind, Rejection};
use tower::{Service, service_fn};

/// The services' error type, the same for ours and for peers; it holds a refusal inline, so that a layer need not
/// allocate to refuse.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Makes one failure, where a breaker has to be opened; the services never return it.
    #[error("broken")]
    Broken,
    #[error(transparent)]
    Refused(#[from] Rejection),
}

impl Classify for Failure {
    fn class(&self) -> Class {
        match self {
            Self::Broken => Kind::Unavailable.into(),
            Self::Refused(rejection) => rejection.class(),
        }
    }
}

/// Answers at once.
pub(crate) fn prompt()
-> impl Service<u64, Response = u64, Error = Failure, Future = Ready<Result<u64, Failure>>>
+ Clone
+ Send
+ 'static {
    service_fn(|request: u64| ready(Ok(black_box(request))))
}

/// Answers at the second poll.
pub(crate) fn tardy()
-> impl Service<u64, Response = u64, Error = Failure, Future = Tardy> + Clone + Send + 'static {
    service_fn(|request: u64| Tardy { request, polled: false })
}

/// The future of [`tardy`].
pub(crate) struct Tardy {
    request: u64,
    polled: bool,
}

impl Future for Tardy {
    type Output = Result<u64, Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.polled {
            return Poll::Ready(Ok(black_box(self.request)));
        }
        self.polled = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
