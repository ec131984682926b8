//! Uploads whose own caller pauses: that time is not the dependency's. In paused time; over sockets in `uploads.rs`.
#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::task::{Context, Poll};
use std::time::Duration;

use buttress_breaker::{Breaker, BreakerLayer};
use buttress_error::{Error, Kind, Rejection, RejectionReason};
use buttress_http::{Body, HttpLayer, http_classifier};
use buttress_retry::{Policy, RetryLayer};
use buttress_timeout::{AttemptTimeoutLayer, DeadlineLayer};
use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::BodyExt;
use tokio::time::{Instant, Sleep, sleep, timeout};
use tower::util::BoxCloneService;
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};

const MS: Duration = Duration::from_millis(1);

/// A stream whose chunks come after these waits, and which may never end.
struct Paced {
    waits: VecDeque<Duration>,
    ends: bool,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl http_body::Body for Paced {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(wait) = self.waits.front().copied() else {
            return if self.ends { Poll::Ready(None) } else { Poll::Pending };
        };
        if !wait.is_zero()
            && self.sleep.get_or_insert_with(|| Box::pin(sleep(wait))).as_mut().poll(cx).is_pending()
        {
            return Poll::Pending;
        }
        self.sleep = None;
        self.waits.pop_front();
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"0123456789")))))
    }
}

/// A PUT whose chunks come after these waits, in milliseconds.
fn put(waits: impl IntoIterator<Item = u32>, ends: bool) -> Request<Body> {
    let waits = waits.into_iter().map(|wait| wait * MS).collect();
    Request::put("http://files.test/a").body(Body::streaming(Paced { waits, ends, sleep: None })).unwrap()
}

/// One chunk, then nothing.
fn stalled() -> Request<Body> {
    put([0], false)
}

/// One chunk, and its end.
fn whole() -> Request<Body> {
    put([0], true)
}

#[derive(Clone, Copy)]
enum Server {
    /// Reads all, and answers after this.
    Reads(Duration),
    /// Reads one chunk after the other, with this pause before each, and answers at once.
    Slow(Duration),
    /// Reads nothing forever.
    Deaf,
    /// Reads one chunk, then nothing, and answers this status after a while.
    Early(u16, Duration),
}

async fn serve(server: Server, request: Request<Body>) -> Result<Response<Body>, Infallible> {
    let mut body = request.into_body();
    let mut status = 200;
    match server {
        Server::Reads(wait) => {
            body.collect().await.unwrap();
            sleep(wait).await;
        }
        Server::Slow(pause) => loop {
            sleep(pause).await;
            if body.frame().await.is_none() {
                break;
            }
        },
        Server::Deaf => pending().await,
        Server::Early(early, wait) => {
            body.frame().await.unwrap().unwrap();
            let _ = timeout(wait, body.frame()).await;
            status = early;
        }
    }
    Ok(Response::builder().status(status).body(Body::empty()).unwrap())
}

/// A service, its breaker, and how often its server was asked.
struct Stack {
    service: BoxCloneService<Request<Body>, Response<Body>, Error>,
    breaker: Breaker,
    asked: Arc<AtomicU32>,
}

impl Stack {
    /// Three attempts of 400 ms each, within 60 s.
    fn over(server: Server) -> Self {
        Self::with(server, Breaker::builder("files").build().unwrap())
    }

    fn with(server: Server, breaker: Breaker) -> Self {
        let asked = Arc::<AtomicU32>::default();
        let seen = Arc::clone(&asked);
        let service = ServiceBuilder::new()
            .layer(DeadlineLayer::new(60_000 * MS))
            .layer(RetryLayer::new(Policy::fixed(MS).max_attempts(3).no_budget().build().unwrap()))
            .layer(BreakerLayer::new(breaker.clone()))
            .layer(AttemptTimeoutLayer::new(400 * MS))
            .layer(HttpLayer::new("files"))
            .service(service_fn(move |request| {
                seen.fetch_add(1, SeqCst);
                serve(server, request)
            }));
        Self { service: BoxCloneService::new(service), breaker, asked }
    }

    async fn send(&self, request: Request<Body>) -> Result<Response<Body>, Error> {
        self.service.clone().oneshot(request).await
    }

    /// Nothing was learnt of the server.
    fn is_untouched(&self) -> bool {
        let stats = self.breaker.stats();
        self.breaker.state().is_closed() && (stats.failed, stats.slow, stats.succeeded) == (0, 0, 0)
    }
}

const READS: Server = Server::Reads(Duration::ZERO);

/// [S28] Six uploads whose caller stalls leave the circuit of a healthy server alone, and none is repeated.
#[tokio::test(start_paused = true)]
async fn a_caller_that_stalls_is_no_failure() {
    let stack = Stack::over(READS);
    for asked in 1..=6 {
        let start = Instant::now();
        let error = stack.send(stalled()).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Cancelled);
        let rejection = error.find::<Rejection>().unwrap();
        assert_eq!(
            (rejection.reason(), rejection.limit()),
            (RejectionReason::RequestStalled, Some(4_000 * MS))
        );
        assert_eq!(start.elapsed(), 4_000 * MS, "ten times the limit of an attempt");
        assert_eq!(stack.asked.load(SeqCst), asked, "once");
    }
    assert!(stack.is_untouched());
    assert_eq!(stack.breaker.stats().neutral, 6);
}

/// [S28] A caller that drips is not cut: each pause is short, and all time but the pauses is the server's.
#[tokio::test(start_paused = true)]
async fn a_caller_that_drips_is_not_cut() {
    let stack = Stack::over(READS);
    for _ in 0..6 {
        let start = Instant::now();
        assert_eq!(stack.send(put([40; 50], true)).await.unwrap().status(), 200);
        assert_eq!(start.elapsed(), 2_000 * MS);
    }
    assert_eq!((stack.asked.load(SeqCst), stack.breaker.stats().succeeded), (6, 6));
}

/// [S28] A caller that pauses for longer than the attempt timeout, and goes on, is not cut; the time for the answer begins
/// when the request is out.
#[tokio::test(start_paused = true)]
async fn the_time_for_the_answer_begins_when_the_request_is_out() {
    let stack = Stack::over(Server::Reads(300 * MS));
    for waits in [vec![0, 1_000], vec![350, 350, 350], vec![3_900, 100], vec![399]] {
        assert_eq!(stack.send(put(waits, true)).await.unwrap().status(), 200);
    }
    assert_eq!(stack.asked.load(SeqCst), 4);
    let stack = Stack::over(Server::Reads(500 * MS));
    let start = Instant::now();
    let error = stack.send(put([0, 1_000], true)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Timeout);
    assert_eq!(error.find::<Rejection>().unwrap().elapsed(), 400 * MS, "for the answer alone");
    // The first attempt waits for the caller; the others send what is kept.
    assert_eq!((start.elapsed(), stack.asked.load(SeqCst)), (1_000 * MS + 3 * 400 * MS + 2 * MS, 3));
    assert_eq!(stack.breaker.stats().failed, 3);
}

/// [S28] A server that stalls after it has read all, or reads nothing, or too slowly, is the server's failure.
#[tokio::test(start_paused = true)]
async fn a_server_that_stalls_is_the_servers() {
    for server in [Server::Reads(60_000 * MS), Server::Deaf, Server::Slow(150 * MS)] {
        let stack = Stack::over(server);
        let start = Instant::now();
        let error = stack.send(put([0; 8], true)).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.find::<Rejection>().unwrap().reason()),
            (Kind::Timeout, RejectionReason::AttemptTimeout)
        );
        assert_eq!((stack.asked.load(SeqCst), stack.breaker.stats().failed), (3, 3));
        assert_eq!(start.elapsed(), 3 * 400 * MS + 2 * MS);
    }
}

/// [S28] Pauses of the caller and slowness of the server are distinguished within one attempt.
#[tokio::test(start_paused = true)]
async fn both_may_be_slow() {
    let stack = Stack::over(Server::Slow(50 * MS));
    assert_eq!(stack.send(put([100; 6], true)).await.unwrap().status(), 200);
    assert_eq!(stack.asked.load(SeqCst), 1, "350 ms are the server's");
    let start = Instant::now();
    assert_eq!(stack.send(put([100; 12], true)).await.unwrap().status(), 200);
    // The first attempt is cut after eight pauses of the server, and as many of the caller; the next sends the eight chunks
    // at once, and has time for the rest.
    let (first, second) = (8 * 150 * MS, 50 * MS + 4 * 150 * MS + 50 * MS);
    assert_eq!(start.elapsed(), first + MS + second);
    assert_eq!((stack.asked.load(SeqCst), stack.breaker.stats().failed), (3, 1));
}

/// [S19] A call is not slow for the time in which it has waited for its caller; one whose server is slow is.
#[tokio::test(start_paused = true)]
async fn a_caller_that_stalls_makes_no_slow_call() {
    let breaker = || Breaker::builder("files").slow_call(100 * MS).build().unwrap();
    let stack = Stack::with(READS, breaker());
    for _ in 0..6 {
        assert_eq!(stack.send(put([0, 200, 1_000], true)).await.unwrap().status(), 200);
    }
    let stats = stack.breaker.stats();
    assert_eq!((stats.slow, stats.succeeded), (0, 6));
    let stack = Stack::with(Server::Reads(150 * MS), breaker());
    assert_eq!(stack.send(put([0, 200], true)).await.unwrap().status(), 200);
    assert_eq!(stack.breaker.stats().slow, 1);
}

/// [S1] Dropped while it waits for its caller, a call is neutral, however long that was; while it waits for the server, it is
/// a failure.
#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_in_a_stall_is_neutral() {
    let stack = Stack::over(READS);
    for _ in 0..6 {
        assert!(timeout(3_500 * MS, stack.send(stalled())).await.is_err());
    }
    assert!(stack.is_untouched());
    assert_eq!(stack.breaker.stats().neutral, 6);

    let breaker = Breaker::builder("files").abandon_after(200 * MS).build().unwrap();
    let stack = Stack::with(Server::Deaf, breaker);
    assert!(timeout(300 * MS, stack.send(put([0], true))).await.is_err());
    assert_eq!((stack.breaker.stats().failed, stack.breaker.stats().abandoned), (1, 1));
}

/// [S1] So it is where the deadline of the call cuts it.
#[tokio::test(start_paused = true)]
async fn a_deadline_in_a_stall_is_neutral() {
    let stack = Stack::over(READS);
    for _ in 0..6 {
        let call = stack.send(stalled());
        let cx = buttress_context::Context::default().with_timeout(2_000 * MS);
        let error = cx.scope(call).await.unwrap_err();
        let rejection = error.find::<Rejection>().unwrap();
        assert_eq!((error.kind(), rejection.limit()), (Kind::DeadlineExceeded, Some(2_000 * MS)));
    }
    assert!(stack.is_untouched());
    assert_eq!(stack.asked.load(SeqCst), 6);
}

/// A server that stops waiting for the body is not at fault; one that fails for another reason is.
#[tokio::test(start_paused = true)]
async fn a_server_that_will_not_wait_is_healthy() {
    let stack = Stack::over(Server::Early(408, 1_000 * MS));
    for _ in 0..6 {
        let error = stack.send(stalled()).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (Kind::Cancelled, "files: 408 Request Timeout")
        );
    }
    assert_eq!(stack.asked.load(SeqCst), 6, "none is repeated");
    assert!(stack.is_untouched());

    let stack = Stack::over(Server::Early(503, 1_000 * MS));
    assert_eq!(stack.send(stalled()).await.unwrap_err().kind(), Kind::Unavailable);
    assert_eq!(stack.breaker.stats().failed, 1);

    // The body was out before.
    let stack = Stack::over(Server::Early(408, 100 * MS));
    assert_eq!(stack.send(put([0], true)).await.unwrap_err().kind(), Kind::Timeout);
    assert!(stack.breaker.stats().failed > 0);
}

/// So it is where statuses are passed on as answers.
#[tokio::test(start_paused = true)]
async fn a_408_in_a_stall_that_is_passed_on_is_neutral() {
    for (request, status, failed) in
        [(stalled as fn() -> _, 408, false), (stalled, 503, true), (whole, 408, true)]
    {
        let breaker = Breaker::builder("files").build().unwrap();
        let asked = Arc::<AtomicU32>::default();
        let seen = Arc::clone(&asked);
        let retry = Policy::fixed(MS).max_attempts(3).no_budget().build().unwrap();
        let gateway = ServiceBuilder::new()
            .layer(RetryLayer::new(retry).classifier(http_classifier()))
            .layer(BreakerLayer::new(breaker.clone()).classifier(http_classifier()))
            .layer(HttpLayer::new("files").pass_bad_statuses())
            .service(service_fn(move |request| {
                seen.fetch_add(1, SeqCst);
                serve(Server::Early(status, 100 * MS), request)
            }));
        let answer = gateway.oneshot(request()).await.unwrap();
        assert_eq!((answer.status().as_u16(), breaker.stats().failed > 0), (status, failed));
        assert!(failed || asked.load(SeqCst) == 1, "not repeated");
    }
}

/// So it is where the answer's body or `grpc-status` calls it an exceeded deadline.
#[tokio::test(start_paused = true)]
async fn a_deadline_that_a_server_reports_in_a_stall_is_the_callers() {
    let google = r#"{"error":{"code":408,"message":"slow","status":"DEADLINE_EXCEEDED"}}"#;
    for (status, header, body) in [
        (408, ("content-type", "application/json"), google),
        (504, ("content-type", "application/json"), google),
        (200, ("grpc-status", "4"), ""),
    ] {
        for (ends, kind) in [(false, Kind::Cancelled), (true, Kind::DeadlineExceeded)] {
            let server = service_fn(move |request: Request<Body>| async move {
                let mut sent = request.into_body();
                sent.frame().await.unwrap().unwrap();
                let _ = timeout(100 * MS, sent.frame()).await;
                let answer = Response::builder().status(status).header(header.0, header.1);
                Ok::<_, Infallible>(answer.body(Body::from(body)).unwrap())
            });
            let mut request = if ends { whole() } else { stalled() };
            if header.0 == "grpc-status" {
                request.headers_mut().insert("content-type", "application/grpc".parse().unwrap());
            }
            let error = HttpLayer::new("files").layer(server).oneshot(request).await.unwrap_err();
            assert_eq!(error.kind(), kind, "{status} {header:?}");
        }
    }
}

/// Bytes are there: all time is the server's.
#[tokio::test(start_paused = true)]
async fn bytes_have_no_caller_to_wait_for() {
    let stack = Stack::over(Server::Reads(60_000 * MS));
    let request = Request::put("http://files.test/a").body(Body::from("hello")).unwrap();
    assert_eq!(stack.send(request).await.unwrap_err().kind(), Kind::Timeout);
    assert_eq!(stack.breaker.stats().failed, 3);
}
