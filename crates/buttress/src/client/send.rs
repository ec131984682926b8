//! `SendFuture`: the future of `Client::send`.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};

use buttress_context::{Context, Frame};
use buttress_error::{BoxError, Error};
use buttress_http::{Body, FromHttp, IntoHttp, ResponseHead};
use http::Request;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::service::{Client, HttpStack, WaitingStack, call_with_key};
use super::wait_ready::WaitReady;

pin_project! {
    /// A call of the client in a context of its own.
    ///
    /// It is written by hand because an `async fn` keeps its argument, the service that it clones and the future of the call
    /// side by side, which is twice as large.
    pub(super) struct SendFuture<'c, S, R>
    where
        R: FromHttp,
        S: Service<R>,
        S: Clone,
        S::Error: Into<BoxError>,
        S::Response: ResponseHead,
        S::Response: IntoHttp,
    {
        client: &'c Client<S, R>,
        // Empty until the first poll.
        frame: Frame,
        #[pin]
        call: Call<<HttpStack<S, R> as Service<Request<Body>>>::Future, <WaitingStack<S, R> as Service<Request<Body>>>::Future>,
    }

    impl<'c, S, R> PinnedDrop for SendFuture<'c, S, R>
    where
        R: FromHttp,
        S: Service<R>,
        S: Clone,
        S::Error: Into<BoxError>,
        S::Response: ResponseHead,
        S::Response: IntoHttp,
    {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if !matches!(*this.call, Call::Done) {
                {
                    let _entered = this.frame.enter();
                    this.call.set(Call::Done);
                }
                this.frame.close();
            }
        }
    }
}

pin_project! {
    #[project = CallProjection]
    enum Call<F, W> {
        Unsent { request: Option<Result<Request<Body>, Error>> },
        Ready { #[pin] call: F },
        // Boxed for its size: few calls find their client not ready.
        Waiting { call: Pin<Box<W>> },
        Done,
    }
}

impl<'c, S, R> SendFuture<'c, S, R>
where
    R: FromHttp,
    S: Service<R> + Clone,
    S::Error: Into<BoxError>,
    S::Response: ResponseHead + IntoHttp,
{
    pub(super) fn new(client: &'c Client<S, R>, request: Result<Request<Body>, Error>) -> Self {
        let frame = Frame::new(Context::default());
        Self { client, frame, call: Call::Unsent { request: Some(request) } }
    }
}

impl<S, R> Future for SendFuture<'_, S, R>
where
    R: FromHttp,
    S: Service<R> + Clone,
    S::Error: Into<BoxError>,
    S::Response: ResponseHead + IntoHttp,
{
    type Output = Result<S::Response, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let layer = &this.client.layer;
        if matches!(*this.call, Call::Unsent { .. }) {
            this.frame.context = layer.settings.context.context();
        }
        let outcome = {
            let _entered = this.frame.enter();
            let outcome = loop {
                let request = match this.call.as_mut().project() {
                    CallProjection::Ready { call } => break call.poll(cx),
                    CallProjection::Waiting { call } => break call.as_mut().poll(cx),
                    CallProjection::Unsent { request } => request.take().expect("polled after a panic"),
                    CallProjection::Done => panic!("polled after completion"),
                };
                // A request that cannot be sent is no bug of this client.
                let request = match request {
                    Ok(request) => request,
                    Err(error) => {
                        break Poll::Ready(Err(error.of_dependency(Arc::clone(&layer.settings.name))));
                    }
                };
                let mut stack = this.client.stack.get_ref().clone();
                match stack.poll_ready(cx) {
                    Poll::Ready(Ok(())) => {
                        this.call.set(Call::Ready { call: call_with_key(layer, stack, request) });
                    }
                    Poll::Ready(Err(error)) => break Poll::Ready(Err(error)),
                    Poll::Pending => {
                        // The wait for a slot or a connection is part of the call: its events and the deadline cover it.
                        let waiting =
                            layer.log.layer(layer.with_deadline(WaitReady::new(stack.into_inner())));
                        this.call
                            .set(Call::Waiting { call: Box::pin(call_with_key(layer, waiting, request)) });
                    }
                }
            };
            if outcome.is_ready() {
                this.call.set(Call::Done);
            }
            outcome
        };
        outcome.map(|outcome| {
            this.frame.close();
            // The caller's own line about an error can then be joined to those of the call.
            outcome.map_err(|error| match this.frame.context.request_id() {
                Some(id) => error.attr("request_id", id.to_string()),
                None => error,
            })
        })
    }
}
