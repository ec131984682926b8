//! `Late`: a call that waits for its service to be ready.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tower_service::Service;

/// Always ready; waits for the service inside of its one call. So a deadline around it covers that wait.
pub(super) struct Late<S>(Option<S>);

impl<S> Late<S> {
    pub(super) const fn new(service: S) -> Self {
        Self(Some(service))
    }
}

impl<Req, S: Service<Req>> Service<Req> for Late<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = LateFuture<S, Req>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Req) -> Self::Future {
        LateFuture { waiting: Some((self.0.take().expect("called twice"), request)), call: None }
    }
}

pin_project! {
    pub(super) struct LateFuture<S: Service<Req>, Req> {
        waiting: Option<(S, Req)>,
        #[pin]
        call: Option<S::Future>,
    }
}

impl<S: Service<Req>, Req> Future for LateFuture<S, Req> {
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
