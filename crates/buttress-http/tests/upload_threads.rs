//! [S13] Attempts of one streamed upload on several threads at once: whatever races, nobody sends a byte that is not the
//! stream's, and whoever comes to the end has sent all of it.
#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use buttress_context::ReplayBody;
use buttress_error::BoxError;
use buttress_http::Body;
use bytes::Bytes;
use fastrand::Rng;
use http::{HeaderMap, HeaderValue, header};
use http_body::{Body as _, Frame};

const LIMIT: usize = Body::REPLAY_BUFFER;

const BUG: &str = "a bug in the stream";

/// Whoever is not woken by then never is.
const FOREVER: Duration = Duration::from_secs(60);

/// How a stream ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Well,
    Trailers,
    Error,
    Panic,
}
use End::{Error, Panic, Trailers, Well};

/// Parts of these sizes, of which every byte tells its place; each is waited for now and then.
struct Source {
    sizes: Vec<usize>,
    sent: usize,
    end: Option<End>,
    rng: Rng,
}

/// The byte at this place.
fn byte(place: usize) -> u8 {
    u8::try_from(place % 251).unwrap()
}

fn trailers() -> HeaderMap {
    HeaderMap::from_iter([(header::ETAG, HeaderValue::from_static("\"7\""))])
}

impl http_body::Body for Source {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.rng.u8(..4) == 0 {
            // From another thread, as data of a connection comes.
            let waker = cx.waker().clone();
            thread::spawn(move || waker.wake());
            return Poll::Pending;
        }
        if let Some(size) = self.sizes.pop() {
            let part: Vec<u8> = (self.sent..self.sent + size).map(byte).collect();
            self.sent += size;
            return Poll::Ready(Some(Ok(Frame::data(part.into()))));
        }
        match self.end.take() {
            Some(Panic) => panic!("{BUG}"),
            Some(Error) => Poll::Ready(Some(Err("the stream broke off".into()))),
            Some(Trailers) => Poll::Ready(Some(Ok(Frame::trailers(trailers())))),
            Some(Well) | None => Poll::Ready(None),
        }
    }
}

struct Bell(SyncSender<()>);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        // It rings already, or nobody listens any more.
        let _ = self.0.try_send(());
    }
}

/// What one attempt has sent, and how that ended; none where it was dropped in the middle.
struct Sent {
    bytes: usize,
    trailers: bool,
    end: Option<Result<(), String>>,
}

/// Sends a body, at most so many frames of it.
fn send(mut body: Body, frames: usize) -> Sent {
    let (bell, rings) = sync_channel(1);
    let waker = Waker::from(Arc::new(Bell(bell)));
    let mut cx = Context::from_waker(&waker);
    let mut sent = Sent { bytes: 0, trailers: false, end: None };
    for _ in 0..frames {
        let polled = loop {
            match catch_unwind(AssertUnwindSafe(|| Pin::new(&mut body).poll_frame(&mut cx))) {
                Ok(Poll::Ready(frame)) => break Ok(frame),
                Ok(Poll::Pending) => rings.recv_timeout(FOREVER).expect("it is woken"),
                Err(_panic) => break Err("panicked".to_owned()),
            }
        };
        match polled {
            Ok(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) => {
                    let right = data.iter().enumerate().all(|(place, b)| *b == byte(sent.bytes + place));
                    assert!(right, "wrong bytes after {}", sent.bytes);
                    sent.bytes += data.len();
                }
                Err(frame) => {
                    assert_eq!(frame.into_trailers().unwrap(), trailers());
                    sent.trailers = true;
                }
            },
            Ok(Some(Err(error))) => sent.end = Some(Err(error.to_string())),
            Ok(None) => sent.end = Some(Ok(())),
            Err(panic) => sent.end = Some(Err(panic)),
        }
        if sent.end.is_some() {
            break;
        }
    }
    sent
}

/// Sizes around the bound: below, at, and above, in parts of every size.
fn sizes(rng: &mut Rng) -> Vec<usize> {
    let mut left = match rng.u8(..4) {
        0 => rng.usize(..100),
        1 => LIMIT,
        2 => LIMIT + 1,
        _ => rng.usize(LIMIT - 4_000..LIMIT + 4_000),
    };
    let mut sizes = Vec::new();
    while left > 0 {
        let size = rng.usize(0..=left.min(20_000));
        sizes.push(size);
        left -= size;
    }
    sizes
}

#[test]
fn attempts_race() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        // Those are meant.
        if panic.payload().downcast_ref() != Some(&BUG.to_owned()) {
            hook(panic);
        }
    }));
    (0..400).for_each(race);
}

/// One race, by this seed.
fn race(seed: u64) {
    let mut rng = Rng::with_seed(seed);
    let end = [Well, Well, Trailers, Error, Panic][rng.usize(..5)];
    let sizes = sizes(&mut rng);
    let whole: usize = sizes.iter().sum();
    let source = Source { sizes, sent: 0, end: Some(end), rng: rng.fork() };
    let mut bodies = vec![Body::streaming(source)];
    for _ in 0..rng.usize(0..3) {
        let copy = bodies.last().unwrap().replay_body().unwrap();
        bodies.push(copy);
    }
    let last = bodies.pop().unwrap();
    let earlier: Vec<_> = bodies
        .into_iter()
        .map(|body| {
            let frames = if rng.bool() { usize::MAX } else { rng.usize(..8) };
            thread::spawn(move || send(body, frames))
        })
        .collect();
    // The last attempt goes to its end; an earlier one may be dropped in the middle.
    let last = send(last, usize::MAX);
    let told = |sent: &Sent, which: &str| {
        let Sent { bytes, trailers, end: ended } = sent;
        assert!(*bytes <= whole, "seed {seed}, {which}: {bytes} of {whole}");
        if *ended == Some(Ok(())) {
            assert_eq!((*bytes, *trailers), (whole, end == Trailers), "seed {seed}, {which}: {end:?}");
            assert!(matches!(end, Well | Trailers), "seed {seed}, {which}: {end:?}");
        }
    };
    told(&last, "the last");
    let earlier: Vec<_> = earlier.into_iter().map(|sent| sent.join().unwrap()).collect();
    earlier.iter().for_each(|sent| told(sent, "an earlier one"));
    let all = earlier.iter().chain([&last]);
    if matches!(end, Well | Trailers) && whole + 16 <= LIMIT {
        assert_eq!(last.end, Some(Ok(())), "seed {seed}: it fits, so the last attempt has all of it");
    }
    let ends = all.filter(|sent| sent.end == Some(Ok(()))).count();
    assert!(whole <= LIMIT || ends <= 1, "seed {seed}: too long to be sent twice");
}
