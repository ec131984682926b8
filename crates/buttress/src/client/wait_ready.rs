//! `WaitReady`: waits for a service inside its call.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tower_service::Service;

/// Is always ready, and waits for the inner service in its one call, so that a deadline layer around it covers the wait.
pub(super) struct WaitReady<S>(Option<S>);

impl<S> WaitReady<S> {
    pub(super) const fn new(service: S) -> Self {
        Self(Some(service))
    }
}

impl<Req, S: Service<Req>> Service<Req> for WaitReady<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = WaitReadyFuture<S, Req>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Req) -> Self::Future {
        WaitReadyFuture { waiting: Some((self.0.take().expect("called twice"), request)), call: None }
    }
}

pin_project! {
    pub(super) struct WaitReadyFuture<S: Service<Req>, Req> {
        waiting: Option<(S, Req)>,
        #[pin]
        call: Option<S::Future>,
    }
}

impl<S: Service<Req>, Req> Future for WaitReadyFuture<S, Req> {
    type Output = Result<S::Response, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Some((service, _)) = this.waiting {
            ready!(service.poll_ready(cx))?;
        }
        if let Some((mut service, request)) = this.waiting.take() {
            this.call.set(Some(service.call(request)));
        }
        this.call.as_pin_mut().expect("polled after completion").poll(cx)
    }
}
