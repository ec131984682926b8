//! What may be repeated: by delivery, by idempotency, and by whether there is something to send again.

mod kit;

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use buttress_context::{Context, Replay, Report};
use buttress_error::{ByKind, Class, Delivery, Kind, StopReason};
use buttress_retry::{ReplayStrategy, RetryLayer, retry};
use buttress_test::TestError;
use kit::{plain, reported};
use tower::{Layer, ServiceExt, service_fn};

/// A request that says this of itself, and counts its copies.
struct Request {
    idempotent: Option<bool>,
    replayable: bool,
    key: &'static str,
    copies: Arc<AtomicU32>,
}

impl Request {
    fn saying(idempotent: Option<bool>) -> Self {
        Self { idempotent, replayable: true, key: "order-17", copies: Arc::default() }
    }
}

impl Clone for Request {
    fn clone(&self) -> Self {
        self.copies.fetch_add(1, Relaxed);
        Self { copies: Arc::clone(&self.copies), ..*self }
    }
}

impl Replay for Request {
    fn replay(&self) -> Option<Self> {
        self.replayable.then(|| self.clone())
    }

    fn idempotent(&self) -> Option<bool> {
        self.idempotent
    }
}

/// A call that fails with `class` at every attempt: the keys it was sent with, and its report.
async fn sent<R>(
    layer: RetryLayer<ByKind, R>,
    cx: Context,
    request: Request,
    class: impl Into<Class>,
) -> (Vec<&'static str>, Report)
where
    R: ReplayStrategy<Request> + Clone,
{
    let class = class.into();
    let keys = Mutex::new(Vec::new());
    let service = layer.layer(service_fn(|request: Request| {
        keys.lock().expect("no panic under it").push(request.key);
        async move { Err::<(), _>(TestError::from(class)) }
    }));
    let (outcome, report) = reported(cx, service.oneshot(request)).await;
    assert!(outcome.is_err_and(|error| error.kind() == class.kind), "the real error");
    (keys.into_inner().expect("no panic under it"), report)
}

fn layer() -> RetryLayer {
    RetryLayer::new(plain().build().expect("good settings"))
}

async fn attempts(layer: RetryLayer, cx: Context, says: Option<bool>, class: impl Into<Class>) -> usize {
    sent(layer, cx, Request::saying(says), class).await.0.len()
}

fn says(idempotent: bool) -> Context {
    Context::default().with_idempotent(idempotent)
}

/// [S12] A request type without a mark is not idempotent: it is sent once if it is unknown whether it arrived.
#[tokio::test(start_paused = true)]
async fn silence_is_not_idempotent() {
    for kind in [Kind::Unavailable, Kind::Timeout] {
        let (keys, report) = sent(layer(), Context::default(), Request::saying(None), kind).await;
        assert_eq!((keys.len(), report.stopped), (1, Some(StopReason::NotIdempotent)));
    }
}

/// [S12] The request's own word comes first, then the context's, then what the layer assumes.
#[tokio::test(start_paused = true)]
async fn whose_word_counts() {
    let kind = Kind::Unavailable;
    assert_eq!(attempts(layer(), Context::default(), Some(true), kind).await, 3);
    assert_eq!(attempts(layer(), says(false), Some(true), kind).await, 3);
    assert_eq!(attempts(layer().assume_idempotent(), says(true), Some(false), kind).await, 1);
    assert_eq!(attempts(layer(), says(true), None, kind).await, 3);
    assert_eq!(attempts(layer(), says(false), None, kind).await, 1);
    assert_eq!(attempts(layer().assume_idempotent(), says(false), None, kind).await, 1);
    assert_eq!(attempts(layer().assume_idempotent(), Context::default(), None, kind).await, 3);
}

/// [S12] What provably was not sent may always be repeated.
#[tokio::test(start_paused = true)]
async fn not_processed_is_always_repeated() {
    let not_processed = Class::new(Kind::Unavailable).delivery(Delivery::NotProcessed);
    assert_eq!(attempts(layer(), Context::default(), None, not_processed).await, 3);
    assert_eq!(attempts(layer(), says(false), Some(false), not_processed).await, 3);
    assert_eq!(attempts(layer(), says(false), Some(false), Kind::Throttled).await, 3);
}

/// [S12] All attempts carry the same key.
#[tokio::test(start_paused = true)]
async fn the_key_stays() {
    let keys = sent(layer(), Context::default(), Request::saying(Some(true)), Kind::Timeout).await.0;
    assert_eq!(keys, ["order-17"; 3]);
}

/// [S12] A closure is idempotent unless it, or the context, says otherwise.
#[tokio::test(start_paused = true)]
async fn closures() {
    let policy = plain().build().unwrap();
    let calls = AtomicU32::new(0);
    let failing = || {
        calls.fetch_add(1, Relaxed);
        async { Err::<(), _>(TestError::from(Kind::Timeout)) }
    };
    retry(&policy, failing).await.unwrap_err();
    assert_eq!(calls.swap(0, Relaxed), 3);
    retry(&policy, failing).not_idempotent().await.unwrap_err();
    assert_eq!(calls.swap(0, Relaxed), 1);
    says(true).scope(retry(&policy, failing).not_idempotent()).await.unwrap_err();
    assert_eq!(calls.swap(0, Relaxed), 1);
    says(false).scope(retry(&policy, failing)).await.unwrap_err();
    assert_eq!(calls.swap(0, Relaxed), 1);
}

/// [S13] A request that can't be sent again is sent once, never refused.
#[tokio::test(start_paused = true)]
async fn what_cannot_be_replayed_is_sent_once() {
    let once = || Request { replayable: false, ..Request::saying(Some(true)) };
    let (keys, report) = sent(layer(), Context::default(), once(), Kind::Throttled).await;
    assert_eq!((keys.len(), report.stopped), (1, Some(StopReason::NotReplayable)));
    let never = layer().replay_with(|_: &Request| None);
    let (keys, report) = sent(never, Context::default(), Request::saying(None), Kind::Throttled).await;
    assert_eq!((keys.len(), report.stopped), (1, Some(StopReason::NotReplayable)));
}

/// [S13] A request is copied only if another attempt may follow: never for the last one.
#[tokio::test(start_paused = true)]
async fn copies_are_made_for_attempts_that_may_follow() {
    let copies = async |layer: RetryLayer, cx, kind: Kind| {
        let request = Request::saying(Some(true));
        let copies = Arc::clone(&request.copies);
        sent(layer, cx, request, kind).await;
        copies.load(Relaxed)
    };
    let of = |attempts| RetryLayer::new(plain().max_attempts(attempts).build().unwrap());
    let none = Context::default;
    assert_eq!(copies(of(3), none(), Kind::Unavailable).await, 2, "three attempts");
    assert_eq!(copies(of(3), none(), Kind::NotFound).await, 1, "the first might have been repeated");
    assert_eq!(copies(of(1), none(), Kind::Unavailable).await, 0, "only one attempt");
    assert_eq!(
        copies(of(3), none().with_inner_retries_disabled(), Kind::Unavailable).await,
        0,
        "retried by an outer layer"
    );
}

/// Strategies for requests that have no `Replay`.
#[tokio::test(start_paused = true)]
async fn strategies() {
    let keys = sent(layer().cloning(), Context::default(), Request::saying(None), Kind::Throttled).await.0;
    assert_eq!(keys.len(), 3);
    let rekeyed = layer().replay_with(|request: &Request| Some(Request { key: "copy", ..request.clone() }));
    let keys = sent(rekeyed, Context::default(), Request::saying(None), Kind::Throttled).await.0;
    assert_eq!(keys, ["order-17", "copy", "copy"]);
    // They say nothing of idempotency: the context decides.
    let timed_out = async |cx| {
        let (keys, report) = sent(layer().cloning(), cx, Request::saying(Some(true)), Kind::Timeout).await;
        (keys.len(), report.stopped)
    };
    assert_eq!(timed_out(Context::default()).await, (1, Some(StopReason::NotIdempotent)));
    assert_eq!(timed_out(Context::default().with_idempotent(true)).await, (3, Some(StopReason::Attempts)));
}
