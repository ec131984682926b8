//! Calls that are judged at the end of their body.
#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use buttress_breaker::{Breaker, BreakerLayer};
use buttress_error::{
    BoxError, ByKind, Classifier, Completion, CompletionObserver, Error, Kind, Rejection, Verdict,
};
use buttress_http::{Body, HttpLayer, TrackedBody, at_body_end, http_classifier, track_body};
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body as _, Frame};
use http_body_util::{BodyExt, Empty, Full};
use tokio::time::{advance, timeout};
use tower::{ServiceBuilder, ServiceExt, service_fn};

/// The end that was reported to a layer.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Settled(Option<Kind>),
    Abandoned(Duration),
    Lost,
}

struct Layer(Arc<Mutex<Option<End>>>);

impl CompletionObserver for Layer {
    fn completed(self: Box<Self>, verdict: &Verdict) {
        *self.0.lock().unwrap() = Some(End::Settled(verdict.class().map(|class| class.kind)));
    }

    fn abandoned(self: Box<Self>, waited: Duration) {
        *self.0.lock().unwrap() = Some(End::Abandoned(waited));
    }
}

impl Drop for Layer {
    fn drop(&mut self) {
        self.0.lock().unwrap().get_or_insert(End::Lost);
    }
}

/// These frames, and then its end, or nothing forever. It doesn't say before that a frame is the last.
struct Frames {
    frames: VecDeque<Next>,
    stalls: bool,
}

enum Next {
    Frame(Result<Frame<Bytes>, BoxError>),
    /// Not there when it is asked for the first time.
    Late(Result<Frame<Bytes>, BoxError>),
}

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.frames.pop_front() {
            Some(Next::Frame(frame)) => Poll::Ready(Some(frame)),
            Some(Next::Late(frame)) => {
                self.frames.push_front(Next::Frame(frame));
                Poll::Pending
            }
            None if self.stalls => Poll::Pending,
            None => Poll::Ready(None),
        }
    }
}

fn data() -> Result<Frame<Bytes>, BoxError> {
    Ok(Frame::data(Bytes::from_static(b"some")))
}

fn trailers(status: &'static str) -> Result<Frame<Bytes>, BoxError> {
    Ok(Frame::trailers(HeaderMap::from_iter([("grpc-status".parse().unwrap(), status.parse().unwrap())])))
}

fn frames<const N: usize>(frames: [Result<Frame<Bytes>, BoxError>; N]) -> Response<Frames> {
    Response::new(Frames { frames: frames.into_iter().map(Next::Frame).collect(), stalls: true })
}

fn fine<B>(answer: Response<B>) -> Result<Response<B>, Error> {
    Ok(answer)
}

/// Returns the body of the response as the layer passes it, and the end that is reported to a waiting layer.
fn passed<B: http_body::Body>(answer: Response<B>) -> (TrackedBody<B>, Arc<Mutex<Option<End>>>) {
    let outcome = fine(track_body(answer));
    let reported = Arc::default();
    assert!(at_body_end(ByKind).judge(&outcome).is_success());
    match at_body_end(http_classifier()).completion(&outcome) {
        Some(completion) => completion.observe(Box::new(Layer(Arc::clone(&reported)))),
        None => *reported.lock().unwrap() = Some(End::Settled(None)),
    }
    (outcome.expect("it is one").into_body(), reported)
}

/// Read to the end.
async fn read<B>(answer: Response<B>) -> Option<End>
where
    B: http_body::Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    let (mut body, reported) = passed(answer);
    assert_eq!(*reported.lock().unwrap(), None, "its body has not ended");
    while let Some(Ok(_)) = body.frame().await {}
    *reported.lock().unwrap()
}

/// A body that is read to its end is a success; an empty one is over with the head.
#[tokio::test]
async fn the_end() {
    assert_eq!(read(Response::new(Full::new(Bytes::from_static(b"all")))).await, Some(End::Settled(None)));
    let mut answer = frames([data(), data()]);
    answer.body_mut().stalls = false;
    assert_eq!(read(answer).await, Some(End::Settled(None)));

    // A reader who knows that a frame was the last doesn't ask for another.
    let (mut body, reported) = passed(Response::new(Full::new(Bytes::from_static(b"all"))));
    body.frame().await.unwrap().unwrap();
    assert_eq!(*reported.lock().unwrap(), Some(End::Settled(None)));

    let (body, reported) = passed(Response::new(Empty::<Bytes>::new()));
    assert_eq!(*reported.lock().unwrap(), Some(End::Settled(None)));
    drop(body);
}

/// An error in the middle is what the call ends with.
#[tokio::test]
async fn an_error() {
    let reset = io::Error::from(io::ErrorKind::ConnectionReset);
    assert_eq!(read(frames([data(), Err(reset.into())])).await, Some(End::Settled(Some(Kind::Unavailable))));
    let strange = read(frames([data(), Err("strange".into())])).await;
    assert_eq!(strange, Some(End::Settled(Some(Kind::Unknown))));
}

/// [S2] a panic in the middle is a failure where it happens, also where somebody catches it and keeps the body.
#[test]
fn a_panic() {
    struct Bug;
    impl http_body::Body for Bug {
        type Data = Bytes;
        type Error = BoxError;
        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
            panic!("a bug in the body")
        }
    }
    let (mut body, reported) = passed(Response::new(Bug));
    let poll = || Pin::new(&mut body).poll_frame(&mut Context::from_waker(std::task::Waker::noop()));
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(poll)).is_err());
    assert_eq!(*reported.lock().unwrap(), Some(End::Settled(Some(Kind::Panic))));
    drop(body);
}

/// Trailers of gRPC say how the call ended; other trailers do not.
#[tokio::test]
async fn grpc() {
    let grpc = |last| {
        let mut answer = frames([data(), last]);
        answer.headers_mut().insert("content-type", "application/grpc+proto".parse().unwrap());
        read_to_trailers(answer)
    };
    assert_eq!(grpc(trailers("14")).await, Some(End::Settled(Some(Kind::Unavailable))));
    assert_eq!(grpc(trailers("0")).await, Some(End::Settled(None)));
    assert_eq!(read_to_trailers(frames([data(), trailers("14")])).await, Some(End::Settled(None)));
}

/// gRPC without trailers has broken off, however neatly.
#[tokio::test]
async fn grpc_that_breaks_off() {
    let grpc = |body: Body| {
        Response::builder().header("content-type", "application/grpc").body(body).expect("a good head")
    };
    let broken = Some(End::Settled(Some(Kind::Unknown)));
    assert_eq!(read(grpc(Body::from("hello"))).await, broken);
}

async fn read_to_trailers(answer: Response<Frames>) -> Option<End> {
    let (mut body, reported) = passed(answer);
    for _ in 0..2 {
        body.frame().await.unwrap().unwrap();
    }
    *reported.lock().unwrap()
}

/// A body that is dropped is abandoned, after the time for which its next frame was missing.
#[tokio::test(start_paused = true)]
async fn dropped() {
    let (mut body, reported) = passed(frames([data(), data()]));
    body.frame().await.unwrap().unwrap();
    advance(Duration::from_secs(60)).await;
    drop(body);
    assert_eq!(*reported.lock().unwrap(), Some(End::Abandoned(Duration::ZERO)), "its reader has stopped");

    let mut late = frames([data()]);
    late.body_mut().frames.push_back(Next::Late(data()));
    let (mut body, reported) = passed(late);
    body.frame().await.unwrap().unwrap();
    let is_late = poll_fn(|cx| Poll::Ready(Pin::new(&mut body).poll_frame(cx).is_pending()));
    assert!(is_late.await);
    body.frame().await.unwrap().unwrap();
    advance(Duration::from_secs(60)).await;
    drop(body);
    assert_eq!(
        *reported.lock().unwrap(),
        Some(End::Abandoned(Duration::ZERO)),
        "the part that it waited for has come"
    );

    let (mut body, reported) = passed(frames([data(), data()]));
    for _ in 0..2 {
        body.frame().await.unwrap().unwrap();
        advance(Duration::from_secs(60)).await;
    }
    assert!(timeout(Duration::from_secs(3), body.frame()).await.is_err());
    drop(body);
    assert_eq!(*reported.lock().unwrap(), Some(End::Abandoned(Duration::from_secs(3))), "it has stalled");
}

/// So is one that was cut at the caller's own deadline.
#[tokio::test(start_paused = true)]
async fn cut_at_the_deadline() {
    let second = Duration::from_secs(1);
    let late = Rejection::deadline("files".into(), second, second, None);
    let (mut body, reported) = passed(frames([Err(Error::from(late).into())]));
    body.frame().await.unwrap().unwrap_err();
    assert_eq!(*reported.lock().unwrap(), Some(End::Abandoned(Duration::ZERO)));
}

/// Where no layer waits, or no classifier looks for the end, nothing happens.
#[tokio::test]
async fn nobody_waits() {
    let answer = track_body(frames([data()]));
    assert!(answer.extensions().get::<Completion>().is_some());
    let outcome = fine(answer);
    assert!(ByKind.completion(&outcome).is_none());
    let failed: Result<Response<Frames>, Error> = Err(Error::new(Kind::Unavailable, "no route"));
    assert!(
        at_body_end(ByKind).completion(&failed).is_none() && at_body_end(ByKind).judge(&failed).is_failure()
    );
    let mut body = outcome.expect("it is one").into_body();
    body.frame().await.unwrap().unwrap();
}

/// A server whose heads are good and whose bodies are reset opens the circuit of a breaker; one whose bodies end well
/// doesn't, nor does a reader that has had enough.
#[tokio::test(start_paused = true)]
async fn a_breaker_sees_the_body() {
    let breaker = Breaker::new("files");
    let client = |broken: bool| {
        let send = move |_: Request<Body>| async move {
            let reset = io::Error::from(io::ErrorKind::ConnectionReset);
            let last = if broken { Err(reset.into()) } else { trailers("0") };
            Ok::<_, Error>(Response::new(Body::streaming(frames([data(), last]).into_body())))
        };
        ServiceBuilder::new()
            .layer(BreakerLayer::new(&breaker).classifier(at_body_end(ByKind)))
            .map_response(track_body)
            .layer(HttpLayer::new("files"))
            .service(service_fn(send))
    };
    let fetch = async |broken| {
        client(broken).oneshot(Request::get("http://localhost/").body(Body::empty()).unwrap()).await
    };

    drop(fetch(true).await.unwrap());
    fetch(false).await.unwrap().into_body().collect().await.unwrap();
    let stats = breaker.stats();
    assert_eq!((stats.succeeded, stats.abandoned, stats.failed, stats.in_flight()), (1, 1, 0, 0));
    for _ in 0..7 {
        let answer = fetch(true).await.expect("the head is good");
        assert!(breaker.state().is_closed());
        answer.into_body().collect().await.unwrap_err();
    }
    assert!(breaker.state().is_open());
    let refused = fetch(false).await.unwrap_err();
    assert!(refused.to_string().contains("7 of 8 failed"), "{refused}");
}
