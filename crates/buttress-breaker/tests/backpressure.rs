//! `poll_ready` that waits for the circuit.

mod support;

use std::future::poll_fn;
use std::task::{Context, Poll, Waker};

use buttress_breaker::{BackpressureService, Breaker, BreakerLayer, Permit, State};
use buttress_error::{Error, Kind};
use buttress_test::{HOLD, Step, Strict, TestError, conform};
use support::{admit, defaults, plain, probe, refused, secs, sleep, trip};
use tokio::task::{JoinHandle, yield_now};
use tokio::time::Instant;
use tower::util::BoxCloneSyncService;
use tower::{Layer, Service, ServiceExt, service_fn};

fn service(breaker: &Breaker, inner: Strict) -> BackpressureService<Strict> {
    BreakerLayer::new(breaker).backpressure().layer(inner)
}

/// Waits for readiness, and then calls, in a task of its own that has begun to wait.
async fn caller(mut service: BackpressureService<Strict>) -> JoinHandle<Result<u32, TestError>> {
    let task = tokio::spawn(async move { service.ready().await?.call(7).await });
    yield_now().await;
    task
}

/// Calls in flight in the first round of probes.
async fn probes(breaker: &Breaker, count: usize) -> Vec<Permit> {
    let mut permits = vec![probe(breaker).await];
    permits.extend((1..count).map(|_| admit(breaker)));
    permits
}

/// Polls `poll_ready` once, without a task to wake.
fn poll_ready(service: &mut BackpressureService<Strict>) -> Poll<Result<(), TestError>> {
    service.poll_ready(&mut Context::from_waker(Waker::noop()))
}

/// [S1] [S2] [S3] [S4] what every layer owes to tower.
#[tokio::test(start_paused = true)]
async fn conforms() {
    let layer = BreakerLayer::new("db").backpressure();
    let breaker = layer.breaker().clone();
    conform(move |inner| layer.layer(inner))
        .at_rest(|| assert_eq!(breaker.stats().in_flight(), 0))
        .run()
        .await;
}

/// [S3] an open circuit is waited for, by a timer and without a loop; the call after it is a probe.
#[tokio::test(start_paused = true)]
async fn waits_while_open() {
    let breaker = plain().build().unwrap();
    trip(&breaker);
    let (mut service, begin, mut polls) = (service(&breaker, Strict::new()), Instant::now(), 0);
    let ready = poll_fn(|cx| {
        polls += 1;
        service.poll_ready(cx)
    });
    ready.await.unwrap();
    assert_eq!((begin.elapsed(), polls), (secs(5), 2));
    assert_eq!(service.call(7).await.unwrap(), 7);
    assert_eq!((breaker.state(), breaker.stats().rejected), (State::HalfOpen, 0));
}

/// [S3] a circuit that is forced open is waited for until somebody says otherwise, and then at once.
#[tokio::test(start_paused = true)]
async fn waits_for_an_operator() {
    let orders: [fn(&Breaker); 4] = [Breaker::release, Breaker::reset, Breaker::disable, Breaker::shadow];
    for order in orders {
        let breaker = plain().build().unwrap();
        breaker.force_open();
        let call = caller(service(&breaker, Strict::new())).await;
        sleep(secs(1_000_000)).await;
        yield_now().await;
        assert!(!call.is_finished());
        let ordered = Instant::now();
        order(&breaker);
        assert_eq!(call.await.unwrap().unwrap(), 7);
        assert_eq!(ordered.elapsed(), secs(0));
    }
}

/// An open circuit in shadow mode admits calls without a state change. Waiters are woken all the same.
#[tokio::test(start_paused = true)]
async fn a_shadow_ends_the_wait() {
    let breaker = plain().build().unwrap();
    trip(&breaker);
    let call = caller(service(&breaker, Strict::new())).await;
    let ordered = Instant::now();
    breaker.shadow();
    assert_eq!(call.await.unwrap().unwrap(), 7);
    assert_eq!((ordered.elapsed(), breaker.state()), (secs(0), State::Open));
}

/// [S3] [S22] with all probes taken it waits until a probe releases its slot or times out, or the round ends.
#[tokio::test(start_paused = true)]
async fn waits_for_a_probe() {
    let returns: [fn(Permit); 2] = [Permit::neutral, drop];
    for give_back in returns {
        let breaker = plain().build().unwrap();
        let mut permits = probes(&breaker, 3).await;
        let call = caller(service(&breaker, Strict::new())).await;
        let ordered = Instant::now();
        give_back(permits.pop().unwrap());
        assert_eq!(call.await.unwrap().unwrap(), 7);
        assert_eq!((ordered.elapsed(), breaker.state()), (secs(0), State::HalfOpen));
    }

    let breaker = plain().build().unwrap();
    let permits = probes(&breaker, 3).await;
    let call = caller(service(&breaker, Strict::new())).await;
    let ordered = Instant::now();
    permits.into_iter().for_each(Permit::success);
    assert_eq!(call.await.unwrap().unwrap(), 7);
    assert_eq!((ordered.elapsed(), breaker.state()), (secs(0), State::Closed));
}

/// [S3] [S22] it waits until hung probes time out, and then, since they have failed, until the wait of the open circuit is over.
/// No call is refused.
#[tokio::test(start_paused = true)]
async fn waits_for_the_timeout_of_probes() {
    let breaker = plain().build().unwrap();
    let permits = probes(&breaker, 3).await;
    let begin = Instant::now();
    let call = caller(service(&breaker, Strict::new())).await;
    assert_eq!(call.await.unwrap().unwrap(), 7);
    assert_eq!(begin.elapsed(), secs(10 + 10), "the timeout, and the second wait");
    assert_eq!((breaker.stats().rejected, breaker.stats().expired), (0, 3));
    drop(permits);
}

/// [S3] [S22] of two that wait for the only probe, one gets it, and the other waits for what comes of it.
#[tokio::test(start_paused = true)]
async fn one_probe_for_two() {
    let breaker = defaults().probes(1).build().unwrap();
    trip(&breaker);
    let (begin, answer) = (Instant::now(), Strict::new().then(Step::ok().after(secs(2))));
    let (one, two) =
        (caller(service(&breaker, answer)).await, caller(service(&breaker, Strict::new())).await);
    assert_eq!(two.await.unwrap().unwrap(), 7);
    assert_eq!(begin.elapsed(), secs(7));
    assert_eq!(one.await.unwrap().unwrap(), 7);
    assert_eq!((breaker.stats().rejected, breaker.state()), (0, State::Closed));
}

/// [S3] [S22] a hundred waiters at once: no round has more than its probes, no call is refused, and all are admitted.
#[tokio::test(start_paused = true)]
async fn a_crowd() {
    let breaker = plain().build().unwrap();
    trip(&breaker);
    let slow = |n: u32| async move {
        tokio::time::sleep(secs(1)).await;
        Ok::<_, Error>(n)
    };
    let layer = BreakerLayer::new(&breaker).backpressure();
    let begin = Instant::now();
    let calls: Vec<_> = (0..100)
        .map(|n| {
            let mut service = layer.layer(service_fn(slow));
            tokio::spawn(async move { service.ready().await?.call(n).await })
        })
        .collect();
    sleep(secs(5)).await;
    for _ in 0..300 {
        yield_now().await;
    }
    assert_eq!((breaker.stats().in_flight(), breaker.state()), (3, State::HalfOpen));
    for (call, n) in calls.into_iter().zip(0..) {
        assert_eq!(call.await.unwrap().unwrap(), n);
    }
    assert_eq!((begin.elapsed(), breaker.stats().rejected), (secs(5 + 1 + 1), 0));
}

/// [S3] while it waits it holds nothing: neither readiness of the inner service that it had, nor any that it asked for,
/// nor a probe.
#[tokio::test(start_paused = true)]
async fn holds_nothing_while_it_waits() {
    let breaker = plain().build().unwrap();
    let inner = Strict::new();
    let mut had = service(&breaker, inner.clone());
    assert!(poll_ready(&mut had).is_ready());
    let slow = Strict::new().ready_after(HOLD);
    let mut asked = service(&breaker, slow.clone());
    assert!(poll_ready(&mut asked).is_pending());
    trip(&breaker);
    sleep(HOLD).await;
    assert!(poll_ready(&mut had).is_pending() && poll_ready(&mut asked).is_pending());
    assert_eq!((inner.reserved(), slow.reserved()), (0, 0));

    sleep(secs(5)).await;
    assert!(poll_ready(&mut had).is_ready() && poll_ready(&mut asked).is_pending());
    assert_eq!((inner.reserved(), slow.reserved(), breaker.stats().in_flight()), (1, 0, 0));
    sleep(HOLD).await;
    assert!(poll_ready(&mut asked).is_ready());
    let (one, two) = (had.call(1), asked.call(2));
    assert_eq!((one.await.unwrap(), two.await.unwrap()), (1, 2));
}

/// A call that is refused after all, as the circuit has opened in between, gives the inner readiness back.
#[tokio::test(start_paused = true)]
async fn a_late_refusal_gives_readiness_back() {
    let breaker = plain().build().unwrap();
    let inner = Strict::new();
    let mut service = service(&breaker, inner.clone());
    assert!(poll_ready(&mut service).is_ready());
    trip(&breaker);
    let call = service.call(7);
    assert_eq!((inner.reserved(), inner.calls()), (0, 0));
    assert_eq!(call.await.unwrap_err().kind(), Kind::Rejected);
}

/// [S1] a service that is dropped while it waits, or cloned, leaves nothing behind.
#[tokio::test(start_paused = true)]
async fn dropped_and_cloned_while_it_waits() {
    let breaker = plain().build().unwrap();
    trip(&breaker);
    let before = breaker.stats();
    let mut waiting = service(&breaker, Strict::new());
    assert!(poll_ready(&mut waiting).is_pending());
    let mut clone = waiting.clone();
    drop(waiting);
    assert_eq!(breaker.stats(), before);
    assert!(poll_ready(&mut clone).is_pending());
    sleep(secs(5)).await;
    assert!(poll_ready(&mut clone).is_ready());
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "poll_ready must be called first")]
async fn called_while_it_waits() {
    let breaker = plain().build().unwrap();
    let mut service = service(&breaker, Strict::new());
    assert!(poll_ready(&mut service).is_ready());
    trip(&breaker);
    assert!(poll_ready(&mut service).is_pending());
    sleep(secs(5)).await;
    drop(service.call(7));
}

/// With a circuit for each, only the endpoint that fails is waited for.
#[tokio::test(start_paused = true)]
async fn endpoints() {
    let layer = BreakerLayer::new("replica").isolated().backpressure();
    let (mut one, mut two) = (layer.layer(Strict::new()), layer.layer(Strict::new()));
    trip(one.breaker());
    assert!(poll_ready(&mut one).is_pending());
    assert!(poll_ready(&mut two).is_ready());
    refused(one.breaker());
}

/// It fits a boxed service that is `Clone + Send + Sync`, as web frameworks want it, also while it waits.
#[tokio::test(start_paused = true)]
async fn fits() {
    async fn fetch(n: u32) -> Result<u32, Error> {
        Ok(n)
    }
    let layer = BreakerLayer::new("db").backpressure();
    let mut boxed = BoxCloneSyncService::<u32, u32, Error>::new(layer.layer(service_fn(fetch)));
    trip(layer.breaker());
    let call = tokio::spawn(async move { boxed.ready().await?.call(7).await });
    assert_eq!(call.await.unwrap().unwrap(), 7);
    assert_eq!(format!("{layer:?}"), format!("BackpressureLayer({:?})", BreakerLayer::new(layer.breaker())));
}
