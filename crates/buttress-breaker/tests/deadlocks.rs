//! What the breaker lets go of, and whom it tells, while it is asked whether a call may pass: with no lock held.

mod support;

use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::Duration;

use buttress_breaker::{Breaker, BreakerBuilder, BreakerLayer, BreakerService, OpenWait, Window};
use buttress_error::{Error, Kind, Rejection};
use support::{admit, secs, sleep};
use tower::util::ServiceFn;
use tower::{Layer, Service, service_fn};

/// Opens at a failure, for exactly 5 s; one probe, for 10 s.
fn settings() -> BreakerBuilder {
    let builder =
        Breaker::builder("db").window(Window::consecutive(1)).open_wait(OpenWait::default().jitter(0.0));
    builder.probes(1)
}

/// Fails where this takes longer than any deadlock would.
fn in_time<F: Future<Output = ()>>(test: impl FnOnce() -> F + Send + 'static) {
    let (done, is_done) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.expect("a runtime can be built").block_on(test());
        done.send(()).expect("the test waits");
    });
    is_done.recv_timeout(Duration::from_secs(20)).expect("neither a deadlock nor a panic");
}

/// A waker that asks the breaker.
struct Bell {
    breaker: Breaker,
    rung: AtomicU32,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.rung.fetch_add(1, Ordering::Relaxed);
        let _ = (self.breaker.state(), self.breaker.stats(), self.breaker.admit().map(drop));
    }
}

type Inner = ServiceFn<fn(u32) -> std::future::Ready<Result<u32, Error>>>;

fn service(breaker: &Breaker) -> BreakerService<Inner> {
    let answer: fn(u32) -> _ = |request| std::future::ready(Ok(request));
    BreakerLayer::new(breaker).layer(service_fn(answer))
}

fn poll_ready(service: &mut BreakerService<Inner>) {
    assert!(service.poll_ready(&mut Context::from_waker(Waker::noop())).is_ready());
}

async fn refusal(service: &mut BreakerService<Inner>) -> Rejection {
    poll_ready(service);
    let error = service.call(7).await.expect_err("the circuit refuses it");
    error.find::<Rejection>().expect("by a rejection").clone()
}

/// [S6] it was told under the lock: a subscriber that asks the breaker never returned.
#[test]
fn an_expired_lease_is_told_by_poll_ready_outside_the_lock() {
    in_time(|| async {
        let breaker = settings().build().unwrap();
        let mut service = service(&breaker);
        admit(&breaker).failure(Kind::Unavailable);
        sleep(secs(5)).await;
        let probe = admit(&breaker);
        let bell = Arc::new(Bell { breaker: breaker.clone(), rung: AtomicU32::new(0) });
        let waker = Waker::from(Arc::clone(&bell));
        let mut subscription = breaker.subscribe();
        let mut changed = pin!(subscription.changed());
        assert!(changed.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        sleep(secs(10)).await;
        assert_eq!(bell.rung.load(Ordering::Relaxed), 0);
        poll_ready(&mut service);
        assert_eq!(bell.rung.load(Ordering::Relaxed), 1);
        assert!(breaker.state().is_open());
        drop(probe);
    });
}

/// An error that asks the breaker when it is dropped.
struct Asking {
    breaker: Breaker,
    dropped: Arc<AtomicU32>,
}

impl Drop for Asking {
    fn drop(&mut self) {
        let _ = (self.breaker.state(), self.breaker.stats(), self.breaker.settings());
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Asking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Asking")
    }
}

impl fmt::Display for Asking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("down")
    }
}

impl std::error::Error for Asking {}

/// A failed call, whose error only the breaker keeps.
async fn fail(breaker: &Breaker, dropped: &Arc<AtomicU32>) {
    let asking = Asking { breaker: breaker.clone(), dropped: Arc::clone(dropped) };
    let failed = breaker.call(async || Err::<(), _>(Error::wrap(Kind::Unavailable, asking))).await;
    assert!(failed.is_err());
}

/// [S6] the refusal that a service remembers holds an error of the caller's: it was dropped under the lock.
#[test]
fn a_remembered_refusal_is_dropped_outside_the_lock() {
    in_time(|| async {
        let breaker = settings().build().unwrap();
        let mut service = service(&breaker);
        let first = Arc::new(AtomicU32::new(0));
        fail(&breaker, &first).await;
        assert!(refusal(&mut service).await.cause().is_some_and(|cause| cause.error.is_some()));
        breaker.reset();
        assert_eq!(first.load(Ordering::Relaxed), 0, "only the service remembers it now");
        // Open again: another refusal takes the place of the one that is remembered.
        fail(&breaker, &Arc::default()).await;
        poll_ready(&mut service);
        assert_eq!(first.load(Ordering::Relaxed), 1);
    });
}

/// [S6] the same where the circuit is closed, half-open or forced open when the service asks the next time.
#[test]
fn a_remembered_refusal_is_dropped_outside_the_lock_in_every_state() {
    for order in [Breaker::reset, Breaker::force_open, Breaker::disable, Breaker::shadow] {
        in_time(move || async move {
            let breaker = settings().build().unwrap();
            let mut service = service(&breaker);
            let dropped = Arc::new(AtomicU32::new(0));
            fail(&breaker, &dropped).await;
            drop(refusal(&mut service).await);
            order(&breaker);
            for _ in 0..2 {
                poll_ready(&mut service);
                let _ = service.call(7).await;
            }
            breaker.reset();
            drop(service);
            assert_eq!(dropped.load(Ordering::Relaxed), 1);
        });
    }
}

/// [S6] so is every other error of a caller's that the circuit lets go of.
#[test]
fn every_error_is_dropped_outside_the_lock() {
    in_time(|| async {
        let breaker = settings().window(Window::consecutive(3)).build().unwrap();
        let dropped = Arc::new(AtomicU32::new(0));
        let count = |expected: u32| assert_eq!(dropped.load(Ordering::Relaxed), expected);
        fail(&breaker, &dropped).await;
        fail(&breaker, &dropped).await;
        count(1); // by the failure after it
        breaker.reset();
        count(2);
        fail(&breaker, &dropped).await;
        breaker.force_open();
        count(3);
        breaker.release();
        for _ in 0..3 {
            fail(&breaker, &dropped).await;
        }
        count(5);
        sleep(secs(5)).await;
        fail(&breaker, &dropped).await; // the probe
        count(6);
        assert!(breaker.state().is_open());
        sleep(secs(10)).await;
        admit(&breaker).success();
        assert!(breaker.state().is_closed());
        count(7);
        let late = breaker.clone();
        let late = breaker.call(async || {
            late.reset();
            Err::<(), _>(Error::wrap(
                Kind::Unavailable,
                Asking { breaker: late.clone(), dropped: dropped.clone() },
            ))
        });
        drop(late.await);
        count(8);
    });
}
