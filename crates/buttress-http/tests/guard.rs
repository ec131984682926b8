//! What watches over the body of a good answer.
#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

#[cfg(feature = "reqwest")]
mod common;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use buttress_context::{Context, RequestId, Trace};
use buttress_error::{
    ByKind, Classifier, CompletionObserver, Error, Kind, Rejection, RejectionReason, Verdict,
};
use buttress_http::{Body, HttpLayer, at_body_end, translate};
use buttress_timeout::{AttemptTimeoutLayer, DeadlineLayer};
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tokio::time::{Instant, Sleep, sleep};
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};

const SECOND: Duration = Duration::from_secs(1);

/// Request ids that were seen where a body was polled and dropped.
type Seen = Arc<Mutex<Vec<(&'static str, Option<String>)>>>;

/// Frames that come after these waits, each from when the one before it was taken.
struct Slow {
    waits: VecDeque<Duration>,
    sleep: Option<Pin<Box<Sleep>>>,
    seen: Seen,
}

impl Slow {
    fn new(seconds: impl IntoIterator<Item = u64>) -> Self {
        let waits = seconds.into_iter().map(Duration::from_secs).collect();
        Self { waits, sleep: None, seen: Seen::default() }
    }

    fn see(&self, place: &'static str) {
        let id = Context::read(|cx| cx.request_id().map(ToString::to_string));
        self.seen.lock().unwrap().push((place, id));
    }
}

impl http_body::Body for Slow {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.see("poll");
        let Some(wait) = self.waits.front().copied() else { return Poll::Ready(None) };
        if !wait.is_zero()
            && self.sleep.get_or_insert_with(|| Box::pin(sleep(wait))).as_mut().poll(cx).is_pending()
        {
            return Poll::Pending;
        }
        self.sleep = None;
        self.waits.pop_front();
        Poll::Ready(Some(Ok(Frame::data("part ".into()))))
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        self.see("drop");
    }
}

/// The body of an answer that came at once, called in this context.
async fn body_of(layer: HttpLayer<Request<Body>>, cx: Context, body: impl Into<Answer>) -> Body {
    let Answer(body) = body.into();
    let answer = Mutex::new(Some(Response::new(body)));
    let mock = service_fn(|_: Request<Body>| {
        let answer = answer.lock().unwrap().take().unwrap();
        async { Ok::<_, Infallible>(answer) }
    });
    cx.scope(layer.layer(mock).oneshot(Request::new(Body::empty()))).await.unwrap().into_body()
}

struct Answer(Body);

impl From<Slow> for Answer {
    fn from(slow: Slow) -> Self {
        Self(Body::streaming(slow))
    }
}

impl From<Body> for Answer {
    fn from(body: Body) -> Self {
        Self(body)
    }
}

fn files() -> HttpLayer<Request<Body>> {
    HttpLayer::new("files")
}

fn within(seconds: u64) -> Context {
    Context::default().with_timeout(Duration::from_secs(seconds))
}

/// All of a body, or its error and how much came before it.
async fn read(mut body: Body) -> (usize, Option<Error>) {
    let mut parts = 0;
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(_) => parts += 1,
            Err(error) => return (parts, Some(translate(error))),
        }
    }
    (parts, None)
}

/// [S28] the deadline covers a streamed body too: it ends when the call has to be done.
#[tokio::test(start_paused = true)]
async fn the_deadline_covers_the_body() {
    let start = Instant::now();
    let body = body_of(files(), within(5), Slow::new([0, 3, 3, 3])).await;
    let (parts, error) = read(body).await;
    let error = error.unwrap();
    assert_eq!((parts, start.elapsed()), (2, 5 * SECOND));
    assert_eq!(error.kind(), Kind::DeadlineExceeded);
    let rejection = error.find::<Rejection>().unwrap();
    assert_eq!((rejection.reason(), rejection.layer()), (RejectionReason::Deadline, "files"));
    assert!(error.to_string().starts_with("files: deadline exceeded after 5.0"), "{error}");
    assert_eq!(error.location(), None);

    let body = body_of(files(), within(10), Slow::new([0, 3, 3, 3])).await;
    assert!(matches!(read(body).await, (4, None)));
}

/// [S28] The deadline's error has the limit and the elapsed time of the body, which begin with the head.
#[tokio::test(start_paused = true)]
async fn a_deadlines_error_says_the_limit_of_the_body() {
    let client = files().layer(service_fn(|_: Request<Body>| async {
        sleep(3 * SECOND).await;
        Ok::<_, Error>(Response::new(Body::streaming(Slow::new([60]))))
    }));
    let answer = within(10).scope(client.oneshot(Request::new(Body::empty()))).await.unwrap();
    sleep(2 * SECOND).await;
    let error = read(answer.into_body()).await.1.unwrap();
    let rejection = error.find::<Rejection>().unwrap();
    assert_eq!((rejection.limit(), rejection.elapsed()), (Some(7 * SECOND), 7 * SECOND));
    assert_eq!(
        error.notes().collect::<Vec<_>>(),
        ["the limit and the elapsed time count from the head of the response"]
    );
}

/// [S28] what is there wins over the deadline: a body that came in time can be read at any time.
#[tokio::test(start_paused = true)]
async fn what_is_there_is_read_after_the_deadline() {
    let body = body_of(files(), within(5), Slow::new([0, 0, 0, 1])).await;
    sleep(60 * SECOND).await;
    let (parts, error) = read(body).await;
    assert_eq!((parts, error.unwrap().kind()), (3, Kind::DeadlineExceeded));
}

/// [S28] the idle timeout bounds the gap between two frames, and nothing else.
#[tokio::test(start_paused = true)]
async fn the_idle_timeout() {
    let idle = || files().idle_timeout(5 * SECOND);
    let body = body_of(idle(), Context::default(), Slow::new([4; 20])).await;
    assert!(matches!(read(body).await, (20, None)), "80 seconds, but no long gap");

    let start = Instant::now();
    let body = body_of(idle(), Context::default(), Slow::new([4, 4, 6])).await;
    let (parts, error) = read(body).await;
    let error = error.unwrap();
    assert_eq!((parts, start.elapsed()), (2, 13 * SECOND));
    assert_eq!((error.kind(), error.location()), (Kind::Timeout, None));
    assert_eq!(error.to_string(), "files: body idle for 5.0s (limit 5s)");

    // Nobody asks for a minute: that is not the server's gap.
    let mut body = body_of(idle(), Context::default(), Slow::new([0, 4])).await;
    body.frame().await.unwrap().unwrap();
    sleep(60 * SECOND).await;
    assert!(matches!(read(body).await, (1, None)));
}

/// [S28] of two limits the earlier one ends it, and says which it was.
#[tokio::test(start_paused = true)]
async fn the_earlier_limit() {
    for (deadline, idle, kind) in [(3, 5, Kind::DeadlineExceeded), (5, 3, Kind::Timeout)] {
        let layer = files().idle_timeout(Duration::from_secs(idle));
        let body = body_of(layer, within(deadline), Slow::new([60])).await;
        let start = Instant::now();
        assert_eq!(read(body).await.1.unwrap().kind(), kind);
        assert_eq!(start.elapsed(), 3 * SECOND);
    }
    let never = files().idle_timeout(Duration::MAX);
    assert!(matches!(read(body_of(never, Context::default(), Slow::new([60])).await).await, (1, None)));
}

/// [S28] the attempt timeout ends with the head of the response; only the deadline goes on.
#[tokio::test(start_paused = true)]
async fn the_attempt_timeout_ends_with_the_head() {
    for (deadline, kind) in [(60, None), (8, Some(Kind::DeadlineExceeded))] {
        let client = ServiceBuilder::new()
            .layer(DeadlineLayer::new(Duration::from_secs(deadline)))
            .layer(AttemptTimeoutLayer::new(2 * SECOND))
            .layer(files())
            .service(service_fn(|_: Request<Body>| async {
                sleep(SECOND).await;
                Ok::<_, Error>(Response::new(Body::streaming(Slow::new([5, 5]))))
            }));
        let answer = client.oneshot(Request::new(Body::empty())).await.unwrap();
        assert_eq!(read(answer.into_body()).await.1.map(|error| error.kind()), kind);
    }
}

/// [S39] a response body keeps the context of its call: in each poll, and when it is dropped, at its end or before.
#[tokio::test(start_paused = true)]
async fn a_body_keeps_its_context() {
    let cx = || Context::default().with_request_id(RequestId::parse("order-42").unwrap());
    let ids = |seen: &Seen| {
        let seen = std::mem::take(&mut *seen.lock().unwrap());
        assert_eq!(seen.last().unwrap().0, "drop");
        seen.into_iter().map(|(_, id)| id.unwrap()).collect::<Vec<_>>()
    };
    let slow = Slow::new([1, 1]);
    let seen = Arc::clone(&slow.seen);
    let (parts, _) = read(body_of(files(), cx(), slow).await).await;
    assert_eq!((parts, ids(&seen)), (2, vec!["order-42".to_owned(); 6]), "five polls and the drop");

    let slow = Slow::new([1, 1]);
    let seen = Arc::clone(&slow.seen);
    let mut body = body_of(files(), cx(), slow).await;
    let other = Context::default().with_request_id(RequestId::parse("other").unwrap());
    other.scope(async { body.frame().await }).await;
    other_task(body).await;
    assert_eq!(ids(&seen), ["order-42"; 3]);
    assert!(Context::read(|cx| cx.request_id().is_none()), "and lends it to nobody");
}

/// The tenant of a call, as an extension.
#[derive(Debug, PartialEq)]
struct Tenant(u32);

/// A stream that ends at once, and records whether `expected` holds of the context in each poll and in its drop.
struct Probe {
    expected: fn(&Context) -> bool,
    seen: Arc<Mutex<Vec<bool>>>,
}

impl Probe {
    fn see(&self) {
        self.seen.lock().unwrap().push(Context::read(self.expected));
    }
}

impl http_body::Body for Probe {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.see();
        Poll::Ready(None)
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.see();
    }
}

/// [S39] a response body keeps the context of its call, whichever one member that has.
#[tokio::test(start_paused = true)]
async fn a_body_keeps_each_member_of_its_context() {
    let empty = Context::default;
    type Case = (&'static str, Context, fn(&Context) -> bool);
    let cases: [Case; 10] = [
        ("extension", empty().with_extension(Tenant(7)), |cx| cx.extension() == Some(&Tenant(7))),
        ("attempt", empty().with_attempt(3), |cx| cx.attempt() == 3),
        ("idempotent", empty().with_idempotent(true), |cx| cx.idempotent() == Some(true)),
        ("not idempotent", empty().with_idempotent(false), |cx| cx.idempotent() == Some(false)),
        ("inner retries disabled", empty().with_inner_retries_disabled(), Context::inner_retries_disabled),
        ("max attempts", empty().with_max_attempts(5), |cx| {
            cx.max_attempts().is_some_and(|max| max.get() == 5)
        }),
        ("field", empty().with_field("customer", 17), |cx| cx.fields().len() == 1),
        ("request id", empty().with_request_id(RequestId::random()), |cx| cx.request_id().is_some()),
        ("trace", empty().with_trace(Trace::random()), |cx| cx.trace().is_some()),
        ("deadline", empty().with_timeout(SECOND), |cx| !cx.deadline().is_none()),
    ];
    for (member, cx, expected) in cases {
        let seen = Arc::<Mutex<Vec<bool>>>::default();
        let probe = Body::streaming(Probe { expected, seen: Arc::clone(&seen) });
        assert!(matches!(read(body_of(files(), cx, probe).await).await, (0, None)));
        assert_eq!(*seen.lock().unwrap(), [true, true], "{member}: one poll and the drop");
    }
}

async fn other_task(body: Body) {
    tokio::spawn(async move { drop(body) }).await.unwrap();
}

/// What ends is let go at once: a connection is not held by a body that was cut.
#[tokio::test(start_paused = true)]
async fn a_body_that_was_cut_is_dropped() {
    let slow = Slow::new([60]);
    let seen = Arc::clone(&slow.seen);
    let mut body = body_of(files(), within(5), slow).await;
    assert!(body.frame().await.unwrap().is_err());
    assert_eq!(seen.lock().unwrap().last().unwrap().0, "drop");
    assert!(body.frame().await.is_none(), "and it has ended");
}

/// Bytes that are there need no guard, and a body without context or limit is left as it is.
#[tokio::test(start_paused = true)]
async fn what_needs_no_guard() {
    let body = body_of(files(), within(5), Body::from("hello")).await;
    assert_eq!(body.as_bytes().unwrap(), "hello");

    let slow = Slow::new([1]);
    let seen = Arc::clone(&slow.seen);
    assert!(matches!(read(body_of(files(), Context::default(), slow).await).await, (1, None)));
    assert_eq!(seen.lock().unwrap().len(), 4);
}

/// What a layer is told of the end of a call.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl CompletionObserver for Told {
    fn completed(self: Box<Self>, verdict: &Verdict) {
        let kind = verdict.class().map(|class| class.kind.to_string());
        self.0.lock().unwrap().push(kind.unwrap_or_else(|| "success".to_owned()));
    }

    fn abandoned(self: Box<Self>, waited: Duration) {
        self.0.lock().unwrap().push(format!("abandoned after {waited:?}"));
    }
}

/// The answer to a call of a stack whose layers wait for its end, and what they are told.
async fn judged(layer: HttpLayer<Request<Body>>, cx: Context, body: Body) -> (Body, Option<Told>) {
    judged_as("text/plain", layer, cx, body).await
}

async fn judged_as(
    media: &str,
    layer: HttpLayer<Request<Body>>,
    cx: Context,
    body: Body,
) -> (Body, Option<Told>) {
    let answer = Response::builder().header("content-type", media);
    let answer = Mutex::new(Some(answer.body(body).unwrap()));
    let mock = service_fn(|_: Request<Body>| {
        let answer = answer.lock().unwrap().take().unwrap();
        async { Ok::<_, Infallible>(answer) }
    });
    let outcome = cx.scope(layer.layer(mock).oneshot(Request::new(Body::empty()))).await;
    let told = at_body_end(ByKind).completion(&outcome).map(|completion| {
        let told = Told::default();
        completion.observe(Box::new(told.clone()));
        told
    });
    let (head, body) = outcome.unwrap().into_parts();
    assert_eq!(head.headers["content-type"], media, "the head stays");
    (body, told)
}

/// How the end of this body is judged, read as far as it goes.
async fn end_of(media: &str, body: Body) -> String {
    let (body, told) = judged_as(media, files().judge_at_body_end(), within(5), body).await;
    let told = told.unwrap();
    assert!(told.0.lock().unwrap().is_empty(), "not before the end");
    drop(read(body).await);
    let told = told.0.lock().unwrap();
    assert_eq!(told.len(), 1, "once");
    told[0].clone()
}

/// The end of a body judges the call, for layers that wait for it.
#[tokio::test(start_paused = true)]
async fn the_end_of_a_body_is_told() {
    let frames = |last: Vec<Result<Frame<Bytes>, io::Error>>| {
        let first = vec![Ok(Frame::data("part".into()))];
        Body::streaming(StreamBody::new(stream(first.into_iter().chain(last))))
    };
    let trailers = |status: &'static str| {
        let trailers = HeaderMap::from_iter([("grpc-status".parse().unwrap(), status.parse().unwrap())]);
        frames(vec![Ok(Frame::trailers(trailers))])
    };
    let reset = vec![Err(io::ErrorKind::ConnectionReset.into())];
    let (text, grpc) = ("text/plain", "application/grpc");
    assert_eq!(end_of(text, Body::streaming(Slow::new([0, 1]))).await, "success");
    assert_eq!(end_of(text, frames(reset)).await, "unavailable");
    assert_eq!(
        end_of(text, Body::streaming(Slow::new([0, 60]))).await,
        "abandoned after 5s",
        "our own deadline"
    );
    assert_eq!(end_of(grpc, trailers("0")).await, "success");
    assert_eq!(end_of(grpc, trailers("14")).await, "unavailable");
    assert_eq!(end_of(grpc, trailers("5")).await, "not_found");
    assert_eq!(end_of(grpc, frames(vec![])).await, "unknown");
    assert_eq!(end_of(text, trailers("14")).await, "success", "only gRPC has a status there");
}

/// A body that knows its end is over with its last frame: nobody asks for one more.
#[tokio::test(start_paused = true)]
async fn the_last_frame_is_the_end() {
    let full = http_body_util::Full::new(Bytes::from("hello"));
    let (mut body, told) = judged(files().judge_at_body_end(), within(5), Body::streaming(full)).await;
    body.frame().await.unwrap().unwrap();
    assert_eq!(*told.unwrap().0.lock().unwrap(), ["success"]);
}

/// [S1] a body that is dropped before its end says how long it had been waited for.
#[tokio::test(start_paused = true)]
async fn a_dropped_body_is_told() {
    for (waits, waited) in [([0, 60], "0ns"), ([3, 60], "2s")] {
        let slow = Body::streaming(Slow::new(waits));
        let (mut body, told) = judged(files().judge_at_body_end(), Context::default(), slow).await;
        let _ = tokio::time::timeout(2 * SECOND, body.frame()).await;
        drop(body);
        assert_eq!(*told.unwrap().0.lock().unwrap(), [format!("abandoned after {waited}")]);
    }
}

/// What is whole is judged by its head, and so is everything else unless it is asked for.
#[tokio::test(start_paused = true)]
async fn what_is_judged_by_its_head() {
    assert!(judged(files().judge_at_body_end(), within(5), Body::from("hello")).await.1.is_none());
    assert!(judged(files(), within(5), Body::streaming(Slow::new([1]))).await.1.is_none());
}

fn stream<T>(items: impl Iterator<Item = T> + Unpin) -> impl futures_core::Stream<Item = T> {
    struct Iter<I>(I);
    impl<I: Iterator + Unpin> futures_core::Stream for Iter<I> {
        type Item = I::Item;
        fn poll_next(mut self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<Option<I::Item>> {
            Poll::Ready(self.0.next())
        }
    }
    Iter(items)
}

/// Over reqwest the answer stays reqwest's own: its URL, its head, its readers.
#[cfg(feature = "reqwest")]
#[tokio::test]
async fn over_reqwest() {
    use common::{Server, Then, client, get, send};

    let hangs = Then::Hang(b"HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 9\r\n\r\nhello".to_vec());
    let server = Server::start(hangs).await;
    let url = format!("{}/orders?a=b", server.url);
    let millis = Duration::from_millis;
    let answer = Context::default()
        .with_timeout(millis(200))
        .scope(async { send(&mut client(reqwest::Client::builder()), get(&url)).await })
        .await
        .unwrap();
    assert_eq!((answer.url().as_str(), answer.status().as_u16()), (url.as_str(), 200));
    assert_eq!((answer.headers()["x-a"].to_str().unwrap(), answer.content_length()), ("1", Some(9)));
    assert!(answer.remote_addr().is_some());
    let error = answer.text().await.unwrap_err();
    assert!(error.is_timeout());
    let error = translate(error);
    assert_eq!(error.kind(), Kind::DeadlineExceeded, "{error:?}");
    assert!(error.find::<Rejection>().is_some());

    let server = Server::answers("HTTP/1.1 200 OK\nContent-Length: 5\n\nhello").await;
    let mut client =
        HttpLayer::new("files").idle_timeout(SECOND).judge_at_body_end().layer(reqwest::Client::new());
    let outcome = send(&mut client, get(&server.url)).await;
    assert!(at_body_end(ByKind).completion(&outcome).is_some());
    assert_eq!(outcome.unwrap().text().await.unwrap(), "hello");
}
