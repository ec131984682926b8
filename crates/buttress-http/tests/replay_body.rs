//! Bodies that are streams, and how often they can be sent.
#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use buttress_context::{Frame as ContextFrame, ReplayBody, Report, Scope};
use buttress_error::{Error, Kind, StopReason};
use buttress_http::{Body, HttpLayer};
use buttress_retry::{Policy, RetryLayer};
use buttress_test::allocations;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, header};
use http_body::{Body as _, Frame, SizeHint};
use proptest::prelude::*;
use tower::{ServiceBuilder, ServiceExt, service_fn};

const MS: Duration = Duration::from_millis(1);

/// A stream of frames, each ready when it is there. Says of itself what it was told to.
#[derive(Default)]
struct Frames {
    frames: VecDeque<Result<Frame<Bytes>, io::Error>>,
    hint: SizeHint,
    /// Knows its end when the last frame is out, not only when it is asked once more.
    knows_its_end: bool,
    /// Never ends by itself.
    endless: bool,
    waiting: Option<Waker>,
}

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match self.frames.pop_front() {
            None if self.endless => {
                self.waiting = Some(cx.waker().clone());
                Poll::Pending
            }
            frame => Poll::Ready(frame),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.knows_its_end && self.frames.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        // `Copy` only since a later version than the lowest that works.
        Clone::clone(&self.hint)
    }
}

fn frames<B: Into<Bytes>>(data: impl IntoIterator<Item = B>) -> Frames {
    let frames = data.into_iter().map(|data| Ok(Frame::data(data.into()))).collect();
    Frames { frames, ..Frames::default() }
}

fn trailers() -> HeaderMap {
    HeaderMap::from_iter([(header::ETAG, HeaderValue::from_static("\"7\""))])
}

/// Sends at most `frames` frames: the data, the trailers, and how it ended (none where it did not).
type Sent = (Vec<u8>, Option<HeaderMap>, Option<Result<(), String>>);

fn send_some(body: &mut Body, frames: usize) -> Sent {
    let (mut data, mut trailers) = (Vec::new(), None);
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..frames {
        match Pin::new(&mut *body).poll_frame(&mut cx) {
            Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                Ok(part) => data.extend_from_slice(&part),
                Err(frame) => trailers = Some(frame.into_trailers().unwrap()),
            },
            Poll::Ready(Some(Err(error))) => return (data, trailers, Some(Err(error.to_string()))),
            Poll::Ready(None) => return (data, trailers, Some(Ok(()))),
            Poll::Pending => break,
        }
    }
    (data, trailers, None)
}

fn send(mut body: Body) -> Sent {
    send_some(&mut body, usize::MAX)
}

fn whole(data: &[u8]) -> Sent {
    (data.to_vec(), None, Some(Ok(())))
}

/// [S13] a stream is kept while it is sent, trailers included, and sent again as often as needed.
#[test]
fn a_stream_is_sent_again() {
    let mut stream = frames(["hello ", "", "world"]);
    stream.frames.push_back(Ok(Frame::trailers(trailers())));
    let body = Body::streaming(stream);
    let second = body.replay_body().unwrap();
    assert_eq!(send(body), (b"hello world".to_vec(), Some(trailers()), Some(Ok(()))));
    assert!(second.replayable());
    let third = second.replay_body().unwrap();
    assert_eq!(send(second), (b"hello world".to_vec(), Some(trailers()), Some(Ok(()))));
    assert_eq!(send(third), (b"hello world".to_vec(), Some(trailers()), Some(Ok(()))));
}

/// [S13] the bound is 64 KiB, to the byte; what is longer is sent, whole, and once.
#[test]
fn the_bound() {
    let text = vec![b'x'; Body::REPLAY_BUFFER];
    assert_eq!(text.len(), 65_536);
    let body = Body::streaming(frames([text[..1].to_vec(), text[1..].to_vec()]));
    let copy = body.replay_body().unwrap();
    assert_eq!(send(body), whole(&text));
    assert!(copy.replayable());
    assert_eq!(send(copy), whole(&text));

    let long = vec![b'x'; Body::REPLAY_BUFFER + 1];
    let body = Body::streaming(frames(long.chunks(1024).map(<[u8]>::to_vec)));
    let copy = body.replay_body().unwrap();
    assert_eq!(send(body), whole(&long), "never refused");
    assert!(!copy.replayable());
    assert!(copy.replay_body().is_none());
    let (sent, _, end) = send(copy);
    assert!(sent.is_empty() && end.unwrap().is_err(), "whoever sends it all the same sends no half of it");
}

/// [S13] the bound is a setting, and trailers count.
#[test]
fn another_bound() {
    let repeatable = |frame: Frame<Bytes>, bound: usize| {
        let stream = Frames { frames: VecDeque::from([Ok(frame)]), ..Frames::default() };
        let body = Body::streaming(stream).replay_buffer(bound);
        let copy = body.replay_body().unwrap();
        drop(send(body));
        copy.replayable()
    };
    let data = || Frame::data("12345".into());
    assert!(repeatable(data(), 5) && !repeatable(data(), 4) && !repeatable(data(), 0));
    // etag: "7"
    assert!(repeatable(Frame::trailers(trailers()), 7) && !repeatable(Frame::trailers(trailers()), 6));
}

/// [S13] a body that says that it is too long is not even kept in part; one that never left can be sent later.
#[test]
fn what_is_too_long_from_the_beginning() {
    let long = || Frames { hint: SizeHint::with_exact(100_000), ..frames(["x"; 3]) };
    let body = Body::streaming(long());
    let copy = body.replay_body().unwrap();
    drop(body);
    assert!(copy.replayable(), "the connection was refused, nothing was read");
    let again = copy.replay_body().unwrap();
    let mut copy = copy;
    drop(send_some(&mut copy, 1));
    assert!(!again.replayable());
}

/// [S13] an attempt that broke off leaves the rest to the next.
#[test]
fn the_next_attempt_takes_over() {
    let mut first = Body::streaming(frames(["a", "b", "c", "d"]));
    let mut second = first.replay_body().unwrap();
    assert_eq!(send_some(&mut first, 1).0, b"a");
    drop(first);
    let third = second.replay_body().unwrap();
    assert_eq!(send_some(&mut second, 3).0, b"abc");
    drop(second);
    let fourth = third.replay_body().unwrap();
    assert_eq!(send(third), whole(b"abcd"));
    assert_eq!(send(fourth), whole(b"abcd"));
}

/// [S13] an attempt that goes on although it was given up (its connection still writes) must not share the stream, nor keep
/// it: whoever comes later has it at once.
#[tokio::test(start_paused = true)]
async fn only_one_attempt_reads() {
    let mut first = Body::streaming(frames(["a", "b", "c"]));
    let mut second = first.replay_body().unwrap();
    let third = second.replay_body().unwrap();
    assert_eq!(send_some(&mut first, 1).0, b"a");
    assert_eq!(send_some(&mut second, 2).0, b"ab");
    let (sent, _, end) = send(first);
    assert_eq!(sent, b"b", "what is kept is there for all");
    assert!(end.unwrap().unwrap_err().contains("abandoned"));
    assert_eq!(send(second), (b"c".to_vec(), None, Some(Ok(()))));
    assert_eq!(send(third), whole(b"abc"));
}

/// [S13] one that waits for the stream fails when it is taken away, rather than wait forever.
#[tokio::test(start_paused = true)]
async fn an_attempt_that_waits_is_told() {
    let mut first = Body::streaming(Frames { endless: true, ..Frames::default() });
    let mut second = first.replay_body().unwrap();
    let waiting = tokio::spawn(async move { poll_fn(|cx| Pin::new(&mut first).poll_frame(cx)).await });
    tokio::task::yield_now().await;
    assert_eq!(send_some(&mut second, 1), (Vec::new(), None, None));
    let told = waiting.await.unwrap().unwrap().unwrap_err();
    assert!(told.to_string().contains("abandoned"));
}

/// [S13] two attempts at one moment: the later one waits for as long as the earlier one polls, and gets the stream then.
/// [S3] Nothing is locked while the stream's own code runs.
#[tokio::test(start_paused = true)]
async fn two_attempts_at_one_moment() {
    struct Entered(Arc<std::sync::Mutex<Option<Body>>>, Arc<AtomicU32>);
    struct Count(Arc<AtomicU32>);
    impl std::task::Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
        }
    }
    impl http_body::Body for Entered {
        type Data = Bytes;
        type Error = Infallible;
        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            let waker = Waker::from(Arc::new(Count(Arc::clone(&self.1))));
            if let Some(later) = &mut *self.0.lock().unwrap() {
                let polled = Pin::new(later).poll_frame(&mut Context::from_waker(&waker));
                assert!(polled.is_pending());
            }
            Poll::Ready(Some(Ok(Frame::data("x".into()))))
        }
    }
    let (later, woken) = <(Arc<std::sync::Mutex<Option<Body>>>, Arc<AtomicU32>)>::default();
    let first = Body::streaming(Entered(Arc::clone(&later), Arc::clone(&woken)));
    *later.lock().unwrap() = first.replay_body();
    assert!(send(first).2.unwrap().unwrap_err().contains("abandoned"));
    assert_eq!(woken.load(SeqCst), 1);
    let mut second = later.lock().unwrap().take().unwrap();
    assert_eq!(send_some(&mut second, 2).0, b"xx");
}

/// [S3] Of several attempts that wait for an earlier one's poll the last gets the stream; the others are told, and none
/// is forgotten.
#[tokio::test(start_paused = true)]
async fn three_attempts_at_one_moment() {
    type Bodies = Arc<std::sync::Mutex<Vec<Body>>>;
    struct Entered(Bodies, [Arc<Count>; 2]);
    #[derive(Default)]
    struct Count(AtomicU32);
    impl std::task::Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
        }
    }
    impl http_body::Body for Entered {
        type Data = Bytes;
        type Error = Infallible;
        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            let mut waits = self.0.lock().unwrap();
            for (body, count) in waits.iter_mut().zip(&self.1) {
                let waker = Waker::from(Arc::clone(count));
                assert!(Pin::new(body).poll_frame(&mut Context::from_waker(&waker)).is_pending());
            }
            if let [second, _] = &mut waits[..] {
                assert!(
                    send_some(second, 1).2.unwrap().unwrap_err().contains("abandoned"),
                    "a later one waits"
                );
            }
            waits.reverse();
            Poll::Ready(Some(Ok(Frame::data("x".into()))))
        }
    }
    let (bodies, counts) = <(Bodies, [Arc<Count>; 2])>::default();
    let first = Body::streaming(Entered(Arc::clone(&bodies), counts.clone()));
    let second = first.replay_body().unwrap();
    let third = first.replay_body().unwrap();
    bodies.lock().unwrap().extend([second, third]);
    assert!(send(first).2.unwrap().unwrap_err().contains("abandoned"));
    assert_eq!(counts.map(|count| count.0.load(SeqCst)), [1, 1], "pushed out, and served");
    let mut third = std::mem::take(&mut *bodies.lock().unwrap()).swap_remove(0);
    assert_eq!(send_some(&mut third, 2).0, b"xx");
}

/// [S13] a stream that panicked is not sent again: nobody knows what of it is missing.
#[test]
fn a_stream_that_panicked() {
    struct Bug;
    impl http_body::Body for Bug {
        type Data = Bytes;
        type Error = Infallible;
        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            panic!("a bug in the stream")
        }
    }
    let mut body = Body::streaming(Bug);
    let copy = body.replay_body().unwrap();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| send_some(&mut body, 1)));
    assert!(panicked.is_err() && !copy.replayable());
    assert!(send(copy).2.unwrap().is_err());
}

/// [S13] a bound that is lowered counts for what is kept already.
#[test]
fn a_bound_that_is_lowered() {
    let mut body = Body::streaming(frames(["abc", "d"]));
    let copy = body.replay_body();
    assert_eq!(send_some(&mut body, 1).0, b"abc");
    drop(copy);
    let body = body.replay_buffer(2);
    assert!(body.replay_body().is_none());
    assert_eq!(send(body), whole(b"d"));
}

/// [S13] a stream that failed has no second time.
#[test]
fn a_stream_that_failed() {
    let mut stream = frames(["a"]);
    stream.frames.push_back(Err(io::Error::other("disk gone")));
    let body = Body::streaming(stream);
    let copy = body.replay_body().unwrap();
    assert_eq!(send(body), (b"a".to_vec(), None, Some(Err("disk gone".into()))));
    assert!(!copy.replayable());
}

/// [S13] nothing is kept that nobody can send again: of the last attempt, or without a retry layer.
#[test]
fn without_a_copy_nothing_is_kept() {
    let mut body = Body::streaming(frames(["a", "b"]));
    assert_eq!(send_some(&mut body, 1).0, b"a");
    assert!(body.replay_body().is_none());
    assert_eq!(send(body), whole(b"b"));
}

/// What the client below reads of lengths and ends is right at each point, so that it frames the request alike each time.
#[test]
fn lengths_and_ends() {
    let exact = |body: &Body| body.size_hint().exact();
    for knows_its_end in [true, false] {
        let stream = Frames { hint: SizeHint::with_exact(3), knows_its_end, ..frames(["ab", "c"]) };
        let mut first = Body::streaming(stream);
        let mut second = first.replay_body().unwrap();
        assert_eq!((exact(&first), exact(&second)), (Some(3), Some(3)));
        drop(send_some(&mut first, 1));
        assert_eq!((exact(&first), first.is_end_stream()), (Some(1), false));
        drop(send_some(&mut first, 1));
        assert_eq!((exact(&first), first.is_end_stream()), (Some(0), knows_its_end));
        drop(send_some(&mut first, 1));
        drop(send_some(&mut second, 1));
        assert_eq!((exact(&second), second.is_end_stream()), (Some(0), true));
    }

    let mut hint = SizeHint::new();
    hint.set_lower(2);
    hint.set_upper(9);
    let mut body = Body::streaming(Frames { hint, ..frames(["abc"]) });
    drop(send_some(&mut body, 1));
    assert_eq!((body.size_hint().lower(), body.size_hint().upper()), (0, Some(6)));

    let unknown = Body::streaming(frames(["abc"]));
    assert_eq!((unknown.size_hint().lower(), unknown.size_hint().upper()), (0, None));
}

/// [S13] bytes are shared, whatever their size, and allocate nothing; an empty stream is an empty body.
#[test]
fn bytes_are_there_anyway() {
    let body = Body::from(vec![b'x'; 10 << 20]);
    let first = body.replay_body().unwrap();
    assert_eq!(first.as_bytes().unwrap().as_ptr(), body.as_bytes().unwrap().as_ptr());
    // The first copy of what was a `Vec` made the counter that all share.
    assert_eq!(allocations(|| drop(body.replay_body())), 0);
    assert_eq!(allocations(|| drop(Body::from("text").replay_body())), 0);
    assert_eq!(allocations(|| drop(Body::empty().replay_body())), 0);

    let none = Body::streaming(http_body_util::Empty::new());
    assert!(none.as_bytes().unwrap().is_empty());
}

/// Counts how often it is woken.
#[derive(Default)]
struct Wakes(AtomicU32);

impl std::task::Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// [S13] An attempt that has ended without an answer wakes its connection, which may wait for the stream: it
/// fails, rather than hangs. So it is where the call failed, and where it was dropped.
#[tokio::test]
async fn a_finished_attempt_is_woken() {
    for is_dropped in [false, true] {
        let held = Arc::<std::sync::Mutex<Option<Body>>>::default();
        let wakes = Arc::<Wakes>::default();
        let mock = service_fn(|request: Request<Body>| {
            // The connection takes the body, and waits for its first frame.
            let mut body = request.into_body();
            let waker = Waker::from(Arc::clone(&wakes));
            assert!(Pin::new(&mut body).poll_frame(&mut Context::from_waker(&waker)).is_pending());
            *held.lock().unwrap() = Some(body);
            async move {
                if is_dropped {
                    std::future::pending::<()>().await;
                }
                Err::<Response<Body>, _>(io::Error::from(io::ErrorKind::ConnectionReset))
            }
        });
        let stream = Frames { endless: true, ..Frames::default() };
        let request = Request::put("http://files.test/").body(Body::streaming(stream)).unwrap();
        let mut call =
            Box::pin(ServiceBuilder::new().layer(HttpLayer::new("files")).service(mock).oneshot(request));
        let polled = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert_eq!(polled.is_pending(), is_dropped);
        drop(call);
        assert_eq!(wakes.0.load(SeqCst), 1, "dropped: {is_dropped}");
        let mut body = held.lock().unwrap().take().unwrap();
        let polled = Pin::new(&mut body).poll_frame(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(polled, Poll::Ready(Some(Err(_)))), "it fails");
    }
}

/// Neither form says what is in it.
#[test]
fn debug_shows_no_data() {
    let mut body = Body::streaming(frames(["hunter2", "hunter2"]));
    let copy = body.replay_body();
    drop(send_some(&mut body, 1));
    assert!(!format!("{body:?} {copy:?}").contains("hunter2"));
}

proptest! {
    /// [S13] wherever attempts break off: each one that gets through has sent all of it, in order, and no more than the
    /// bound is ever needed.
    #[test]
    fn any_attempts_send_the_same(
        parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..8),
        cuts in prop::collection::vec(0_usize..12, 1..5),
        bound in 0_usize..100,
        trailing: bool,
        knows_its_end: bool,
    ) {
        let data = parts.concat();
        let mut stream = Frames { knows_its_end, ..frames(parts) };
        if trailing {
            stream.frames.push_back(Ok(Frame::trailers(trailers())));
        }
        let size = data.len() + if trailing { 7 } else { 0 };
        let mut body = Body::streaming(stream).replay_buffer(bound);
        for cut in cuts {
            let Some(copy) = body.replay_body() else { break };
            let (sent, _, end) = send_some(&mut body, cut);
            prop_assert!(data.starts_with(&sent));
            if let Some(Ok(())) = end {
                prop_assert_eq!(&sent, &data);
            }
            prop_assert!(copy.replayable() || size > bound);
            drop(body);
            body = copy;
        }
        if body.replayable() {
            prop_assert_eq!(send(body), (data, trailing.then(trailers), Some(Ok(()))));
        }
    }

    /// [S13] however attempts overlap, none sends anything but the stream from its beginning, and the last one gets through.
    #[test]
    fn any_attempts_at_once(
        parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..8),
        turns in prop::collection::vec((0_usize..4, 1_usize..4), 0..30),
        bound in 0_usize..100,
    ) {
        let data = parts.concat();
        let mut attempts = vec![(Body::streaming(frames(parts)).replay_buffer(bound), Vec::new(), None)];
        for _ in 0..3 {
            let copy = attempts.last().unwrap().0.replay_body().unwrap();
            attempts.push((copy, Vec::new(), None));
        }
        for (attempt, frames) in turns.into_iter().chain([(3, usize::MAX)]) {
            let (body, sent, end) = &mut attempts[attempt];
            if end.is_none() {
                let more = send_some(body, frames);
                sent.extend(more.0);
                *end = more.2;
            }
        }
        for (_, sent, end) in &attempts {
            prop_assert!(data.starts_with(sent));
            prop_assert!(!matches!(end, Some(Ok(()))) || *sent == data);
        }
        prop_assert!(data.len() > bound || matches!(attempts[3].2, Some(Ok(()))));
    }
}

/// A call through retry and HTTP layer, over a mock that reads so many frames of the body and then answers.
async fn call(
    request: Request<Body>,
    reads: usize,
    answer: Result<u16, io::ErrorKind>,
) -> (Vec<Vec<u8>>, Report, Kind) {
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let mock = service_fn(|mut request: Request<Body>| {
        let (data, ..) = send_some(request.body_mut(), reads);
        seen.lock().unwrap().push(data);
        async move {
            let status = answer.map_err(io::Error::from)?;
            Ok::<_, io::Error>(Response::builder().status(status).body(Body::empty()).unwrap())
        }
    });
    let policy = Policy::fixed(MS).max_attempts(3).no_budget().build().unwrap();
    let stack =
        ServiceBuilder::new().layer(RetryLayer::new(policy)).layer(HttpLayer::new("files")).service(mock);
    let mut scope = Box::pin(Scope::new(ContextFrame::boundary(Default::default()), stack.oneshot(request)));
    let kind = scope.as_mut().await.map_or_else(|error: Error| error.kind(), |_| unreachable!());
    let report = scope.frame().report.clone();
    drop(scope);
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    (seen, report, kind)
}

fn put(stream: Frames) -> Request<Body> {
    Request::put("http://localhost/file").body(Body::streaming(stream)).unwrap()
}

/// [S13] the request was read to its end, so the answer is to all of it, and another attempt sends all of it.
#[tokio::test(start_paused = true)]
async fn an_answer_to_the_whole_request() {
    let (sent, report, kind) = call(put(frames(["a", "b"])), 9, Ok(503)).await;
    assert_eq!((sent, kind), (vec![b"ab".to_vec(); 3], Kind::Unavailable));
    assert_eq!((report.attempts, report.stopped), (3, Some(StopReason::Attempts)));
}

/// [S13] when the answer came before the whole request was read there is no retry.
#[tokio::test(start_paused = true)]
async fn an_answer_to_half_a_request() {
    for reads in [0, 1, 2] {
        let (sent, report, _) = call(put(frames(["a", "b"])), reads, Ok(503)).await;
        assert_eq!(sent.len(), 1);
        assert_eq!((report.attempts, report.stopped), (1, Some(StopReason::NotReplayable)));
    }
}

/// [S13] a client that knows the length need not ask for the end.
#[tokio::test(start_paused = true)]
async fn an_answer_to_as_much_as_was_declared() {
    let (sent, ..) =
        call(put(Frames { hint: SizeHint::with_exact(2), ..frames(["a", "b"]) }), 2, Ok(503)).await;
    assert_eq!(sent, vec![b"ab".to_vec(), b"ab".to_vec(), b"ab".to_vec()]);

    for (length, attempts) in [(2, 3), (3, 1)] {
        let mut request = put(frames(["a", "b"]));
        request.headers_mut().insert(header::CONTENT_LENGTH, length.into());
        assert_eq!(call(request, 2, Ok(503)).await.0.len(), attempts);
    }
}

/// [S13] where no answer came, what was not read is still there.
#[tokio::test(start_paused = true)]
async fn no_answer_to_half_a_request() {
    for reads in [0, 1, 2, 9] {
        let sent = call(put(frames(["a", "b"])), reads, Err(io::ErrorKind::ConnectionReset)).await.0;
        assert_eq!(sent, vec![b"ab"[..reads.min(2)].to_vec(); 3]);
    }
}

/// [S13] beyond the bound there is no retry, and the error says so.
#[tokio::test(start_paused = true)]
async fn an_answer_to_a_long_request() {
    let long = vec![b'x'; Body::REPLAY_BUFFER + 1];
    let (sent, report, kind) = call(put(frames([long.clone()])), 9, Ok(503)).await;
    assert_eq!((sent, kind), (vec![long], Kind::Unavailable));
    assert_eq!(report.stopped, Some(StopReason::NotReplayable));
}

/// [S13] An attempt that ended without an answer may still be held by its connection. It reads nothing more of the stream,
/// not even before the next attempt begins: what it read beyond the bound would be lost.
#[tokio::test(start_paused = true)]
async fn a_connection_that_lives_on() {
    let held = std::sync::Mutex::new(Vec::<Body>::new());
    let mock = service_fn(|request: Request<Body>| {
        let mut body = request.into_body();
        let is_first = held.lock().unwrap().is_empty();
        let sent = send_some(&mut body, if is_first { 1 } else { 9 }).0;
        held.lock().unwrap().push(body);
        async move {
            if is_first {
                Err(io::Error::from(io::ErrorKind::TimedOut))
            } else {
                Ok(Response::new(Body::from(sent)))
            }
        }
    });
    let policy = Policy::fixed(1_000 * MS).max_attempts(3).no_budget().build().unwrap();
    let stack =
        ServiceBuilder::new().layer(RetryLayer::new(policy)).layer(HttpLayer::new("files")).service(mock);
    let stream = Body::streaming(frames(["a", "b", "c"])).replay_buffer(1);
    let call = stack.oneshot(Request::put("http://localhost/file").body(stream).unwrap());
    let lives_on = async {
        tokio::time::sleep(500 * MS).await;
        let mut body = held.lock().unwrap().pop().unwrap();
        let read = send_some(&mut body, 9);
        held.lock().unwrap().push(body);
        read
    };
    let (answer, read) = tokio::join!(call, lives_on);
    assert!(read.0.is_empty() && read.2.unwrap().unwrap_err().contains("abandoned"));
    assert_eq!(answer.unwrap().body().as_bytes().unwrap(), "abc");
}

/// [S1] a call that is dropped drops its stream, whatever copies there were.
#[tokio::test(start_paused = true)]
async fn a_dropped_call_drops_its_stream() {
    struct Counted(Arc<AtomicU32>, Frames);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_sub(1, SeqCst);
        }
    }
    impl http_body::Body for Counted {
        type Data = Bytes;
        type Error = io::Error;
        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
            Pin::new(&mut self.1).poll_frame(cx)
        }
    }
    let alive = Arc::new(AtomicU32::new(1));
    let stream = Counted(Arc::clone(&alive), Frames { endless: true, ..frames(["a"]) });
    let mock = service_fn(|mut request: Request<Body>| async move {
        poll_fn(|cx| {
            while Pin::new(request.body_mut()).poll_frame(cx).is_ready() {}
            Poll::<()>::Pending
        })
        .await;
        Ok::<_, Infallible>(Response::new(Body::empty()))
    });
    let stack = ServiceBuilder::new()
        .layer(RetryLayer::new(Policy::default()))
        .layer(HttpLayer::new("files"))
        .service(mock);
    let request = Request::put("http://localhost/file").body(Body::streaming(stream)).unwrap();
    assert!(tokio::time::timeout(MS, stack.oneshot(request)).await.is_err());
    assert_eq!(alive.load(SeqCst), 0);
}
