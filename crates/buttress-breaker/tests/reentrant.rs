//! Code that receives an event may use the breaker at once. (In a process of its own: `tracing` caches for all threads who
//! listens.)

mod support;

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use buttress_breaker::{Breaker, BreakerLayer};
use buttress_error::{Classifier, Error, Kind, Verdict};
use buttress_test::TestError;
use support::plain;
use tower::{Layer, ServiceExt, service_fn};
use tracing_subscriber::layer::{Layer as TracingLayer, SubscriberExt as _};

/// Does everything that a handle can do.
fn meddle(breaker: &Breaker) {
    let _ = (breaker.state(), breaker.is_shadow(), breaker.stats(), format!("{breaker:?}"));
    drop(breaker.subscribe());
    drop(breaker.admit());
    let _ = breaker.call_blocking(|| Err::<(), _>(TestError::from(Kind::Unavailable)));
    breaker.reconfigure(breaker.settings()).expect("its own settings");
    breaker.shadow();
    breaker.release();
}

static MEDDLES: AtomicBool = AtomicBool::new(false);

/// A listener that meddles from inside each event.
struct Meddler {
    breaker: Breaker,
    events: Arc<AtomicUsize>,
}

impl<S: tracing::Subscriber> TracingLayer<S> for Meddler {
    fn on_event(&self, _: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        self.events.fetch_add(1, Ordering::Relaxed);
        if MEDDLES.load(Ordering::Relaxed) {
            meddle(&self.breaker);
        }
    }
}

/// A classifier that meddles.
#[derive(Clone)]
struct Judge(Breaker);

impl<T> Classifier<T, TestError> for Judge {
    fn judge(&self, outcome: &Result<T, TestError>) -> Verdict {
        meddle(&self.0);
        if outcome.is_ok() { Verdict::success() } else { Verdict::failure(Kind::Unavailable) }
    }

    fn keep(&self, _: &Result<T, TestError>) -> Option<Error> {
        meddle(&self.0);
        None
    }
}

/// A waker that meddles.
struct Bell {
    breaker: Breaker,
    rung: AtomicUsize,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.rung.fetch_add(1, Ordering::Relaxed);
        meddle(&self.breaker);
    }
}

fn all(done: &mpsc::Sender<&'static str>) {
    let tell = |what| done.send(what).expect("somebody waits for it");

    let breaker = plain().build().expect("good settings");
    let events = Arc::new(AtomicUsize::new(0));
    let meddler = Meddler { breaker: breaker.clone(), events: Arc::clone(&events) };
    let listening = tracing::subscriber::set_default(tracing_subscriber::registry().with(meddler));
    // The first time with nothing to meddle: an event that is first told from inside another is muted by `tracing` for good.
    for told in [6, 4] {
        events.store(0, Ordering::Relaxed);
        for _ in 0..5 {
            breaker.admit().map_or_else(|_| (), |permit| permit.failure(Kind::Unavailable));
        }
        drop(breaker.admit());
        breaker.force_open();
        breaker.shadow();
        breaker.reconfigure(breaker.settings()).expect("its own settings");
        breaker.reset();
        let events = events.load(Ordering::Relaxed);
        assert!(events >= told, "{events} events");
        MEDDLES.store(true, Ordering::Relaxed);
    }
    drop(listening);
    tell("a listener");

    let breaker = plain().build().expect("good settings");
    let layer = BreakerLayer::new(&breaker).classifier(Judge(breaker.clone()));
    for good in [true, false, false, false, false, false] {
        let inner = service_fn(|()| {
            meddle(&breaker);
            std::future::ready(if good { Ok(()) } else { Err(TestError::from(Kind::Unavailable)) })
        });
        let future = pin!(layer.layer(inner).oneshot(()));
        assert!(future.poll(&mut Context::from_waker(Waker::noop())).is_ready());
    }
    tell("a classifier, and the inner service");

    let breaker = plain().build().expect("good settings");
    breaker.force_open();
    let bell = Arc::new(Bell { breaker: breaker.clone(), rung: AtomicUsize::new(0) });
    let waker = Waker::from(Arc::clone(&bell));
    let mut cx = Context::from_waker(&waker);
    let mut subscription = breaker.subscribe();
    let mut changed = pin!(subscription.changed());
    let mut waiting =
        pin!(breaker.wait_until_admitted(tokio::time::Instant::now() + Duration::from_secs(60)));
    assert!(changed.as_mut().poll(&mut cx).is_pending());
    assert!(waiting.as_mut().poll(&mut cx).is_pending());
    breaker.reset();
    assert!(bell.rung.load(Ordering::Relaxed) >= 2);
    breaker.force_open();
    breaker.reset();
    assert!(matches!(waiting.as_mut().poll(&mut cx), Poll::Ready(Ok(_))));
    tell("a waker");
}

/// [S6] listeners of the log, classifiers, inner services and wakers are called with no lock held: they may ask, call,
/// order and change the settings without a deadlock.
#[test]
fn everybody_may_call_back() {
    let (done, told) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async { all(&done) });
    });
    for _ in 0..3 {
        told.recv_timeout(Duration::from_secs(20)).expect("neither a deadlock nor a panic");
    }
}
