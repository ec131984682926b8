//! The events of the calls of a ready-made client.
#![allow(clippy::unwrap_used)] // helpers of tests are tests

use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use buttress::log::test::{Line, Logs, capture};
use buttress::{Body, Client, ClientBuilder, LogLayer};
use http::{Request, Response};
use tokio::time::{Sleep, sleep, timeout};
use tower::Service;

const MS: Duration = Duration::from_millis(1);

/// Ready after a time, or failed by then; answers with `failures` 503s and then with 200.
struct Server {
    ready: Pin<Box<Sleep>>,
    after: Duration,
    broken: bool,
    failures: Arc<AtomicU32>,
}

impl Server {
    fn new(failures: u32) -> Self {
        Self::ready_after(Duration::ZERO, false, failures)
    }

    fn ready_after(after: Duration, broken: bool, failures: u32) -> Self {
        Self { ready: Box::pin(sleep(after)), after, broken, failures: Arc::new(AtomicU32::new(failures)) }
    }
}

/// A clone is not ready, whatever this one is.
impl Clone for Server {
    fn clone(&self) -> Self {
        Self {
            ready: Box::pin(sleep(self.after)),
            after: self.after,
            broken: self.broken,
            failures: Arc::clone(&self.failures),
        }
    }
}

impl Service<Request<Body>> for Server {
    type Response = Response<Body>;
    type Error = io::Error;
    type Future = Ready<io::Result<Response<Body>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.after.is_zero() && self.ready.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        let broken = || Err(io::Error::from(io::ErrorKind::ConnectionRefused));
        Poll::Ready(if self.broken { broken() } else { Ok(()) })
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        let down =
            self.failures.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        let status = if down.is_ok() { 503 } else { 200 };
        ready(Ok(Response::builder().status(status).body(Body::empty()).unwrap()))
    }
}

async fn send(builder: ClientBuilder, server: Server) -> Result<Response<Body>, buttress::Error> {
    let client: Client<_, _> = builder.service(server).unwrap();
    client.send(Request::get("http://payments.internal/").body("").unwrap()).await
}

fn pair(logs: &Logs) -> Line {
    logs.assert_one("call.started").field("call", "payments").field("level", "DEBUG");
    logs.assert_one("call.ended").field("call", "payments")
}

/// Line 40 of the reports: DEBUG at once, INFO after a retry, the level of the kind on failure.
#[tokio::test(start_paused = true)]
async fn a_success_at_once_is_no_line_at_info() {
    for (failures, level, outcome) in [(0, "DEBUG", "ok"), (1, "INFO", "ok"), (99, "WARN", "error")] {
        let logs = capture();
        let sent = send(buttress::client("payments"), Server::new(failures)).await;
        assert_eq!(sent.is_ok(), outcome == "ok");
        pair(&logs).field("level", level).field("outcome", outcome);
    }
}

/// Line 40 of the reports: the events are set, or removed.
#[tokio::test(start_paused = true)]
async fn the_log_is_set_or_removed() {
    let logs = capture();
    let mine = buttress::client("payments").log(LogLayer::new("mine").end_only());
    assert!(send(mine, Server::new(0)).await.is_ok());
    logs.assert_one("call.ended").field("call", "mine").field("level", "INFO");
    logs.assert_none("call.started");

    let logs = capture();
    for failures in [0, 99] {
        let _ = send(buttress::client("payments").log(LogLayer::off()), Server::new(failures)).await;
    }
    let off = buttress::client("payments").log(LogLayer::off()).service(Server::new(0)).unwrap();
    assert!(off.explain().to_string().contains("\n  log              off\n"));
    logs.assert_none("call.started");
    logs.assert_none("call.ended");
}

/// Line 22 of the reports: a call that ends while it waits for its client to be ready has its pair of events.
#[tokio::test(start_paused = true)]
async fn a_call_that_waits_for_readiness_has_its_pair() {
    let duration = |line: &Line| line.get("duration_ms").unwrap().parse::<f64>().unwrap();

    let logs = capture();
    let dropped = send(buttress::client("payments"), Server::ready_after(3_600_000 * MS, false, 0));
    assert!(timeout(40 * MS, dropped).await.is_err());
    let end = pair(&logs).field("outcome", "cancelled").field("level", "DEBUG");
    assert!((40.0..50.0).contains(&duration(&end)), "{end}");
    assert!(end.get("request_id").is_some(), "{end}");

    let logs = capture();
    let server = Server::ready_after(3_600_000 * MS, false, 0);
    assert!(send(buttress::client("payments").deadline(100 * MS), server).await.is_err());
    let end = pair(&logs).field("outcome", "error").field("kind", "deadline_exceeded");
    assert!((100.0..110.0).contains(&duration(&end)), "{end}");

    for (after, broken, outcome) in [(0, true, "error"), (60, true, "error"), (60, false, "ok")] {
        let logs = capture();
        let server = Server::ready_after(after * MS, broken, 0);
        assert_eq!(send(buttress::client("payments"), server).await.is_ok(), !broken);
        let end = pair(&logs).field("outcome", outcome);
        assert!(duration(&end) >= f64::from(after), "{end}");
    }
}
