//! The inner service is cloned for each retry, outside of any lock.
#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

mod kit;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use buttress_error::Kind;
use buttress_retry::{Backoff, RetryLayer, RetryService};
use buttress_test::TestError;
use kit::plain;
use tower::{Layer, Service, ServiceExt};

/// Only a retry that is broken waits for that.
const LONG: Duration = Duration::from_secs(20);

/// Fails its first calls, and runs a hook when it is cloned.
struct Hooked {
    failures: Arc<AtomicU32>,
    hook: Arc<dyn Fn() + Send + Sync>,
    /// No `Sync`: the retry may not need it.
    _cell: std::cell::Cell<()>,
}

impl Clone for Hooked {
    fn clone(&self) -> Self {
        (self.hook)();
        let (failures, hook) = (Arc::clone(&self.failures), Arc::clone(&self.hook));
        Self { failures, hook, _cell: std::cell::Cell::new(()) }
    }
}

impl Service<u32> for Hooked {
    type Response = u32;
    type Error = TestError;
    type Future = std::future::Ready<Result<u32, TestError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TestError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: u32) -> Self::Future {
        let fails = self.failures.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok();
        std::future::ready(if fails { Err(Kind::Unavailable.into()) } else { Ok(request) })
    }
}

/// The hook runs while `armed`.
fn service(
    failures: u32,
    armed: &Arc<AtomicBool>,
    hook: impl Fn() + Send + Sync + 'static,
) -> RetryService<Hooked> {
    let armed = Arc::clone(armed);
    let hook = Arc::new(move || {
        if armed.load(Relaxed) {
            hook();
        }
    });
    let inner =
        Hooked { failures: Arc::new(AtomicU32::new(failures)), hook, _cell: std::cell::Cell::new(()) };
    RetryLayer::new(plain().backoff(Backoff::none()).build().unwrap()).assume_idempotent().layer(inner)
}

fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let in_time = async { tokio::time::timeout(LONG, future).await };
    runtime.block_on(in_time).expect("it waits for an instance that never comes back")
}

/// A clone that panics leaves the instance to the calls that follow.
#[test]
fn a_clone_that_panics() {
    let armed = Arc::default();
    let retry = service(2, &armed, || resume_unwind(Box::new("quiet")));
    armed.store(true, Relaxed);
    let mut first = retry;
    let call = AssertUnwindSafe(|| block_on(first.call(7)));
    assert!(catch_unwind(call).is_err());
    armed.store(false, Relaxed);
    assert_eq!(block_on(first.oneshot(7)).unwrap(), 7, "its first attempt fails, and is retried");
}

/// A clone may call the same retry: what it calls is not retried while it waits for the clone itself.
#[test]
fn a_clone_that_calls_the_same_retry() {
    static RETRY: OnceLock<Mutex<RetryService<Hooked>>> = OnceLock::new();
    static OUTCOME: OnceLock<Result<u32, Kind>> = OnceLock::new();
    let armed: Arc<AtomicBool> = Arc::default();
    let once = Arc::clone(&armed);
    let retry = service(2, &armed, move || {
        once.store(false, Relaxed);
        let nested = RETRY.get().unwrap().lock().unwrap().call(8);
        let Poll::Ready(outcome) = poll_once(pin!(nested)) else { panic!("it waits for itself") };
        OUTCOME.set(outcome.map_err(|error| error.kind())).unwrap();
    });
    RETRY.set(Mutex::new(retry.clone())).ok().unwrap();
    let mut retry = retry;
    let call = retry.call(7);
    armed.store(true, Relaxed);
    assert_eq!(block_on(call).unwrap(), 7);
    assert_eq!(OUTCOME.get(), Some(&Err(Kind::Unavailable)));
}

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// A slow clone blocks no other thread: a call that needs one meanwhile is pending. The next time there are two
/// instances to clone.
#[test]
fn a_clone_that_is_slow() {
    let (armed, inside) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let (go, gate) = channel::<()>();
    let (gate, arrived) = (Mutex::new(gate), Arc::clone(&inside));
    let retry = service(2, &armed, move || {
        arrived.fetch_add(1, Relaxed);
        gate.lock().unwrap().recv_timeout(LONG).unwrap();
    });
    let (mut first, mut second) = (retry.clone(), retry);
    armed.store(true, Relaxed);
    thread::scope(|scope| {
        let slow = scope.spawn(|| block_on(first.call(7)));
        while inside.load(Relaxed) == 0 {
            thread::yield_now();
        }
        let mut waits = pin!(second.call(8));
        assert!(poll_once(waits.as_mut()).is_pending());
        for _ in 0..3 {
            go.send(()).unwrap();
        }
        assert_eq!((block_on(waits).unwrap(), slow.join().unwrap().unwrap()), (8, 7));
    });
    assert_eq!(inside.load(Relaxed), 3, "one for each call, and one for those who wait");
}
