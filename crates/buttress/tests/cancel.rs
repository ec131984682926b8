//! [S1] A call of the ready-made client that is dropped, after each number of polls, over real connections: nothing that it
//! had reserved is lost.
#![allow(clippy::unwrap_used)] // helpers of tests are tests

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::task::{Context, Poll};
use std::time::Duration;

use buttress::http::translate;
use buttress::{Body, Breaker, Budget, Client, Error, Policy};
use bytes::Bytes;
use http::Request;
use http_body::Frame;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::yield_now;
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::{Layer, Service, ServiceExt};

const MS: Duration = Duration::from_millis(1);

/// Answers first attempts with a 503 and others with a 200, each in parts, so that there is something to wait for.
async fn server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    address
}

async fn serve(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    loop {
        let mut head = Vec::new();
        // A streamed body ends with an empty chunk.
        let end = |head: &[u8]| {
            let streamed = head.windows(7).any(|part| part == b"chunked");
            head.ends_with(if streamed { b"\r\n0\r\n\r\n" } else { b"\r\n\r\n" })
        };
        while !end(&head) {
            if stream.read_buf(&mut head).await? == 0 {
                return Ok(());
            }
        }
        let first = String::from_utf8_lossy(&head).contains("x-request-attempt: 1\r\n");
        let status = if first { "503 Busy" } else { "200 OK" };
        for part in ["HTTP/1.1 ", status, "\r\ncontent-length: 10\r\n", "\r\n", "hello", "world"] {
            stream.write_all(part.as_bytes()).await?;
            // The client sees each by itself, or some of them together: all the same to it.
            for _ in 0..10 {
                yield_now().await;
            }
        }
    }
}

/// What a call can reserve.
struct Wall {
    breaker: Breaker,
    budget: Budget,
    slots: Arc<Semaphore>,
    /// Attempts that got as far as the HTTP client.
    attempts: Arc<AtomicU32>,
}

impl Wall {
    fn new() -> Self {
        Self {
            breaker: Breaker::new("payments"),
            budget: Budget::tokens(500).build().unwrap(),
            slots: Arc::new(Semaphore::new(1)),
            attempts: Arc::default(),
        }
    }

    fn client(
        &self,
    ) -> Client<
        impl Service<reqwest::Request, Response = reqwest::Response, Error = reqwest::Error, Future: Send>
        + Clone
        + Send
        + use<>,
        reqwest::Request,
    > {
        let policy = Policy::fixed(MS).budget(self.budget.clone()).build().unwrap();
        let attempts = Arc::clone(&self.attempts);
        let counted = reqwest::Client::builder().no_proxy().build().unwrap().map_request(move |request| {
            attempts.fetch_add(1, SeqCst);
            request
        });
        buttress::client("payments")
            .retry(policy)
            .breaker(self.breaker.clone())
            .send_attempt()
            .judge_at_body_end()
            .idempotency_keys()
            .service(GlobalConcurrencyLimitLayer::with_semaphore(Arc::clone(&self.slots)).layer(counted))
            .unwrap()
    }

    /// The call is over or was dropped.
    fn is_whole(&self, case: &str) {
        let stats = self.breaker.stats();
        let settled = stats.succeeded + stats.failed + stats.throttled + stats.neutral + stats.late;
        assert_eq!((stats.admitted, stats.in_flight()), (settled, 0), "{case}: {stats:?}");
        assert_eq!(self.slots.available_permits(), 1, "{case}");
    }
}

/// An upload of three parts, each of which is waited for; counted while it is alive.
struct Upload {
    left: u32,
    waits: bool,
    alive: Arc<AtomicU32>,
}

impl Upload {
    fn new(alive: &Arc<AtomicU32>) -> Self {
        alive.fetch_add(1, SeqCst);
        Self { left: 3, waits: true, alive: Arc::clone(alive) }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, SeqCst);
    }
}

impl http_body::Body for Upload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if std::mem::replace(&mut self.waits, false) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.waits = true;
        let Some(left) = self.left.checked_sub(1) else { return Poll::Ready(None) };
        self.left = left;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"part")))))
    }
}

/// Polls so often, and drops it then; none where it was not ready by then.
async fn polled<F: Future>(future: F, polls: u32) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        let polled = future.as_mut().poll(cx).map(Some);
        if left == 0 && polled.is_pending() { Poll::Ready(None) } else { polled }
    })
    .await
}

/// Waits until the tasks of connections that were let go have ended.
async fn only_so_many_tasks(tasks: usize, case: &str) {
    let ended = async {
        while Handle::current().metrics().num_alive_tasks() > tasks {
            tokio::time::sleep(MS).await;
        }
    };
    assert!(tokio::time::timeout(10_000 * MS, ended).await.is_ok(), "{case}: a connection lives on");
}

#[tokio::test]
async fn dropped_after_each_poll() {
    each_poll(Body::empty).await;
}

/// So it is with an upload: its stream goes with the call.
#[tokio::test]
async fn an_upload_dropped_after_each_poll() {
    let alive = Arc::<AtomicU32>::default();
    each_poll(|| {
        assert_eq!(alive.load(SeqCst), 0, "that of the call before");
        Body::streaming(Upload::new(&alive))
    })
    .await;
    assert_eq!(alive.load(SeqCst), 0);
}

async fn each_poll(body: impl Fn() -> Body) {
    let url = format!("http://{}/", server().await);
    yield_now().await;
    let tasks = Handle::current().metrics().num_alive_tasks();
    for polls in 0.. {
        assert!(polls < 10_000, "it never ends");
        let case = format!("{polls} polls");
        let wall = Wall::new();
        let client = wall.client();
        let call = async {
            let answer = client.send(Request::put(&url).body(body()).unwrap()).await?;
            answer.text().await.map_err(translate)
        };
        let outcome = polled(call, polls).await;
        wall.is_whole(&case);
        let attempts = wall.attempts.load(SeqCst);
        if let Some(outcome) = outcome {
            assert_eq!((outcome.unwrap().as_str(), attempts), ("helloworld", 2));
            assert!(polls > 5, "there was something to wait for: {polls}");
            drop(client);
            only_so_many_tasks(tasks, &case).await;
            break;
        }
        // A retry costs 5, and gives it back when it succeeds; one that waits still costs nothing once it is dropped.
        let left = wall.budget.available();
        assert!(
            left >= 500 - 5 * attempts.saturating_sub(1),
            "{case}: {left} left after {attempts} attempts"
        );
        drop(client);
        only_so_many_tasks(tasks, &case).await;
    }
}

/// A call that waits for a slot, and is dropped there, takes none; and the slot is there for the next.
#[tokio::test]
async fn dropped_while_it_waits_for_a_slot() {
    let url = format!("http://{}/", server().await);
    let wall = Wall::new();
    let client = wall.client();
    let get = || client.send(Request::get(&url).body(()).unwrap());
    for polls in 0..4 {
        let held = Arc::clone(&wall.slots).try_acquire_owned().unwrap();
        let mut waiting = Box::pin(get());
        for _ in 0..polls {
            assert!(poll_fn(|cx| Poll::Ready(waiting.as_mut().poll(cx))).await.is_pending());
        }
        if polls % 2 == 0 {
            drop((waiting, held));
        } else {
            // The slot is given to the one that waits, which is dropped before it knows.
            drop(held);
            drop(waiting);
        }
        wall.is_whole("in the queue");
        assert_eq!(wall.breaker.stats().admitted, 0);
    }
    let answer: Result<_, Error> = get().await;
    answer.unwrap().text().await.unwrap();
    wall.is_whole("at the end");
}
