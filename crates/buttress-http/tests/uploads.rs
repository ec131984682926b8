//! Uploads whose caller or whose server pauses, over real sockets: HTTP/1 and HTTP/2, reqwest and hyper-util. The cases are
//! in `stalls.rs`; here is what clients and connections make of them.
#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::task::{Context, Poll};
use std::time::Duration;

use buttress_breaker::{Breaker, BreakerLayer};
use buttress_error::{Error, Kind, Rejection, RejectionReason};
use buttress_http::{Body, FromHttp, HttpLayer, IntoHttp, ResponseHead};
use buttress_retry::{Policy, RetryLayer};
use buttress_timeout::AttemptTimeoutLayer;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Frame;
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::rt::TokioExecutor;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Sleep, sleep};
use tower::util::BoxCloneService;
use tower::{Service, ServiceBuilder, ServiceExt};

const MS: Duration = Duration::from_millis(1);

/// How the caller produces the body.
#[derive(Clone, Copy)]
enum Caller {
    /// One chunk, then nothing.
    Stalls,
    /// So many chunks, with this pause before each.
    Drips(u32, Duration),
    /// More than any buffer takes, as fast as it is asked for; not ready at every other poll.
    Floods,
}

struct Chunks {
    caller: Caller,
    sent: u32,
    pause: Option<Pin<Box<Sleep>>>,
    was_pending: bool,
}

impl http_body::Body for Chunks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let chunk = match self.caller {
            Caller::Stalls if self.sent == 1 => return Poll::Pending,
            Caller::Drips(chunks, _) if self.sent == chunks => return Poll::Ready(None),
            Caller::Drips(_, pause) => {
                let pause = self.pause.get_or_insert_with(|| Box::pin(sleep(pause)));
                if pause.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                Bytes::from_static(b"0123456789")
            }
            Caller::Stalls => Bytes::from_static(b"0123456789"),
            Caller::Floods => {
                self.was_pending = !self.was_pending;
                if self.was_pending {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                vec![b'a'; 16 * 1024].into()
            }
        };
        self.pause = None;
        self.sent += 1;
        Poll::Ready(Some(Ok(Frame::data(chunk))))
    }
}

fn put(url: &str, caller: Caller) -> Request<Body> {
    let chunks = Chunks { caller, sent: 0, pause: None, was_pending: false };
    Request::put(url).body(Body::streaming(chunks)).unwrap()
}

#[derive(Clone, Copy, Debug)]
enum Server {
    /// Reads all, then answers 200.
    Answers,
    /// Reads all, then hangs.
    Hangs,
    /// Reads the head, and nothing else.
    Deaf,
}

#[derive(Clone, Copy, Debug)]
enum Version {
    One,
    Two,
}

/// Its URL, and how many requests it has got.
async fn start(server: Server, version: Version) -> (String, Arc<AtomicU32>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/a", listener.local_addr().unwrap());
    let asked = Arc::<AtomicU32>::default();
    let seen = Arc::clone(&asked);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            match version {
                Version::One => drop(tokio::spawn(serve_one(stream, server, Arc::clone(&seen)))),
                Version::Two => drop(tokio::spawn(serve_two(stream, server, Arc::clone(&seen)))),
            }
        }
    });
    (url, asked)
}

async fn serve_one(mut stream: TcpStream, server: Server, asked: Arc<AtomicU32>) {
    let (mut read, mut buffer) = (Vec::new(), vec![0; 64 * 1024]);
    let mut is_counted = false;
    while !read.ends_with(b"\r\n0\r\n\r\n") {
        match stream.read(&mut buffer).await {
            Ok(size) if size > 0 => read.extend_from_slice(&buffer[..size]),
            _ => return,
        }
        if !is_counted {
            is_counted = true;
            asked.fetch_add(1, SeqCst);
        }
        if matches!(server, Server::Deaf) {
            std::future::pending::<()>().await;
        }
    }
    match server {
        Server::Answers => {
            let answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
            let _ = stream.write_all(answer).await;
        }
        Server::Hangs | Server::Deaf => drop(stream.read(&mut buffer).await),
    }
}

async fn serve_two(stream: TcpStream, server: Server, asked: Arc<AtomicU32>) {
    let mut connection = h2::server::handshake(stream).await.unwrap();
    while let Some(Ok((request, mut answer))) = connection.accept().await {
        asked.fetch_add(1, SeqCst);
        tokio::spawn(async move {
            let mut body = request.into_body();
            if matches!(server, Server::Deaf) {
                std::future::pending::<()>().await;
            }
            while let Some(Ok(data)) = body.data().await {
                body.flow_control().release_capacity(data.len()).unwrap();
            }
            if matches!(server, Server::Hangs) {
                std::future::pending::<()>().await;
            }
            // The client may have gone.
            let _ = answer.send_response(Response::new(()), true);
        });
    }
}

#[derive(Clone, Copy, Debug)]
enum Client {
    Reqwest,
    Hyper,
}

type Boxed = BoxCloneService<Request<Body>, StatusCode, Error>;

/// Three attempts of `limit` each.
fn stack(client: Client, version: Version, breaker: &Breaker, limit: Duration) -> Boxed {
    match (client, version) {
        (Client::Reqwest, Version::One) => {
            over(reqwest::Client::builder().no_proxy().build().unwrap(), breaker, limit)
        }
        (Client::Reqwest, Version::Two) => over(
            reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().unwrap(),
            breaker,
            limit,
        ),
        (Client::Hyper, Version::One) => {
            over(HyperClient::builder(TokioExecutor::new()).build_http::<Body>(), breaker, limit)
        }
        (Client::Hyper, Version::Two) => over(
            HyperClient::builder(TokioExecutor::new()).http2_only(true).build_http::<Body>(),
            breaker,
            limit,
        ),
    }
}

fn over<S, R>(client: S, breaker: &Breaker, limit: Duration) -> Boxed
where
    R: FromHttp + 'static,
    S: Service<R> + Clone + Send + 'static,
    S::Error: Into<buttress_error::BoxError>,
    S::Future: Send,
    S::Response: ResponseHead + IntoHttp<Body: Send> + Send,
{
    let policy = Policy::fixed(MS).max_attempts(3).no_budget().build().unwrap();
    let service = ServiceBuilder::new()
        .map_response(|answer: S::Response| answer.status())
        .layer(RetryLayer::new(policy))
        .layer(BreakerLayer::new(breaker.clone()))
        .layer(AttemptTimeoutLayer::new(limit))
        .layer(HttpLayer::new("files"))
        .service(client);
    BoxCloneService::new(service)
}

const ALL: [(Client, Version); 4] = [
    (Client::Reqwest, Version::One),
    (Client::Reqwest, Version::Two),
    (Client::Hyper, Version::One),
    (Client::Hyper, Version::Two),
];

fn breaker() -> Breaker {
    Breaker::builder("files").build().unwrap()
}

/// [S28] Six uploads whose caller stalls: the circuit stays closed, and none is repeated.
#[tokio::test]
async fn a_caller_that_stalls_is_no_failure() {
    for (client, version) in ALL {
        let (url, asked) = start(Server::Answers, version).await;
        let breaker = breaker();
        let stack = stack(client, version, &breaker, 50 * MS);
        let calls = (0..6).map(|_| stack.clone().oneshot(put(&url, Caller::Stalls)));
        let mut calls = calls.map(tokio::spawn).collect::<Vec<_>>();
        for call in &mut calls {
            let error = call.await.unwrap().unwrap_err();
            let why = error.find::<Rejection>().map(Rejection::reason);
            assert_eq!(
                (error.kind(), why),
                (Kind::Cancelled, Some(RejectionReason::RequestStalled)),
                "{client:?} {version:?}"
            );
        }
        let stats = breaker.stats();
        assert_eq!((stats.failed, stats.neutral, asked.load(SeqCst)), (0, 6, 6), "{client:?} {version:?}");
        assert!(breaker.state().is_closed());
    }
}

/// [S28] A caller that drips for longer than the attempt timeout is not cut.
#[tokio::test]
async fn a_caller_that_drips_is_not_cut() {
    for (client, version) in ALL {
        let (url, asked) = start(Server::Answers, version).await;
        let breaker = breaker();
        let stack = stack(client, version, &breaker, 1_000 * MS);
        let status = stack.oneshot(put(&url, Caller::Drips(30, 40 * MS))).await.unwrap();
        assert_eq!((status.as_u16(), asked.load(SeqCst)), (200, 1), "{client:?} {version:?}");
        assert_eq!(breaker.stats().failed, 0);
    }
}

/// [S28] A caller that pauses for longer than the attempt timeout, and goes on, is not cut.
#[tokio::test]
async fn a_caller_that_goes_on_is_not_cut() {
    for (client, version) in ALL {
        let (url, asked) = start(Server::Answers, version).await;
        let breaker = breaker();
        let stack = stack(client, version, &breaker, 500 * MS);
        let status = stack.oneshot(put(&url, Caller::Drips(2, 600 * MS))).await.unwrap();
        assert_eq!((status.as_u16(), asked.load(SeqCst)), (200, 1), "{client:?} {version:?}");
        assert_eq!(breaker.stats().failed, 0);
    }
}

/// [S28] A server that hangs when it has read all, or reads nothing, is a failure, whatever pauses the caller makes.
#[tokio::test]
async fn a_server_that_stalls_is_the_servers() {
    let drips = Caller::Drips(3, 20 * MS);
    for (server, caller) in [(Server::Hangs, drips), (Server::Deaf, Caller::Floods)] {
        for (client, version) in ALL {
            let (url, _) = start(server, version).await;
            let breaker = breaker();
            let stack = stack(client, version, &breaker, 150 * MS);
            let error = stack.oneshot(put(&url, caller)).await.unwrap_err();
            let why = error.find::<Rejection>().map(Rejection::reason);
            assert_eq!(
                why,
                Some(RejectionReason::AttemptTimeout),
                "{client:?} {version:?} {server:?}: {error:?}"
            );
            assert!(breaker.stats().failed >= 1, "{client:?} {version:?} {server:?}");
        }
    }
}
