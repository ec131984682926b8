//! One circuit for each key.

mod support;

use std::cell::RefCell;
use std::error::Error as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use buttress_breaker::{Breaker, BreakerLayer, KeyedBreakers, State};
use buttress_error::{BoxError, Classifier, Error, Kind, RejectionReason, Verdict};
use buttress_test::{Step, Strict, TestError, conform, retained_bytes};
use support::{admit, fail, ms, plain, refused, secs, sleep, succeed, trip};
use tower::util::BoxCloneSyncService;
use tower::{Layer, Service, ServiceExt, service_fn};

struct Request {
    host: &'static str,
}

fn host(request: &Request) -> &str {
    request.host
}

fn breakers() -> KeyedBreakers<String> {
    KeyedBreakers::new(plain().build().expect("good settings"))
}

fn at_rest<K: Clone>(breakers: &KeyedBreakers<K>) {
    for (_, breaker) in breakers.entries() {
        assert_eq!(breaker.stats().in_flight(), 0);
    }
}

/// [S1] [S2] [S3] [S4] what every layer owes to tower: keyed by a number, and by a part of the request.
#[tokio::test(start_paused = true)]
async fn conforms() {
    let layer = BreakerLayer::new("db").keyed_by(|request: &u32| *request);
    let breakers = layer.breakers().clone();
    conform(move |inner| layer.layer(inner)).at_rest(|| at_rest(&breakers)).run().await;

    let layer = BreakerLayer::new("db").keyed_by_str(|_: &u32| "all");
    let breakers = layer.breakers().clone();
    conform(move |inner| layer.layer(inner)).at_rest(|| at_rest(&breakers)).run().await;
    assert!(breakers.get("all").unwrap().stats().admitted > 10, "the calls went through it");

    let layer = BreakerLayer::new("db").isolated().keyed_by_str(|_: &u32| "all");
    let circuits = RefCell::new(Vec::new());
    let isolated = |inner| {
        let service = layer.layer(inner);
        circuits.borrow_mut().push(service.breakers().clone());
        service
    };
    conform(isolated).at_rest(|| circuits.borrow().iter().for_each(at_rest)).run().await;
    let admitted =
        |breakers: &KeyedBreakers<String>| breakers.get("all").map_or(0, |all| all.stats().admitted);
    let admitted: u64 = circuits.borrow().iter().map(admitted).sum();
    assert!(admitted > 10, "the calls went through them: {admitted}");
}

/// One host that is down opens its own circuit only.
#[tokio::test(start_paused = true)]
async fn a_circuit_for_each_key() {
    async fn fetch(request: Request) -> Result<u32, TestError> {
        if request.host == "down" { Err(Kind::Unavailable.into()) } else { Ok(200) }
    }
    let layer = BreakerLayer::new("fetch").keyed_by_str(host);
    let mut service = layer.layer(service_fn(fetch));
    for _ in 0..5 {
        let (down, up) = (Request { host: "down" }, Request { host: "up" });
        assert_eq!(service.ready().await.unwrap().call(down).await.unwrap_err().kind(), Kind::Unavailable);
        assert_eq!(service.ready().await.unwrap().call(up).await.unwrap(), 200);
    }
    let error = service.clone().oneshot(Request { host: "down" }).await.unwrap_err();
    let rejection = error.rejection().expect("the circuit is open");
    assert_eq!((rejection.reason(), rejection.layer()), (RejectionReason::CircuitOpen, "fetch[down]"));
    assert_eq!(layer.layer(service_fn(fetch)).oneshot(Request { host: "up" }).await.unwrap(), 200);
    assert_eq!(layer.breakers().len(), 2);
    assert_eq!(layer.breakers().template().stats().admitted, 0, "the template counts nothing");
}

/// [S4] clones of the layer, the service and the handle share the breakers; an isolated layer has some for each
/// `layer()` call, in the same bounds.
#[tokio::test(start_paused = true)]
async fn shared_and_isolated() {
    let shared = BreakerLayer::new("db").keyed_by_str(host);
    let service = shared.clone().layer(());
    trip(&service.breakers().breaker("a"));
    assert!(shared.breakers().get("a").unwrap().state().is_open());

    let bounds = KeyedBreakers::builder("db").max_keys(1).build().unwrap();
    let isolated = BreakerLayer::new("db").isolated().keyed_by_str(host).sharing(&bounds);
    let (one, two) = (isolated.layer(()), isolated.layer(()));
    trip(&one.breakers().breaker("a"));
    assert!(two.breakers().breaker("a").state().is_closed());
    two.breakers().breaker("b").force_open();
    assert_eq!((two.breakers().len(), isolated.breakers().len()), (1, 0));
}

/// `poll_ready` can't know the key: it polls the inner service, whatever the circuits, and passes its error on.
#[tokio::test(start_paused = true)]
async fn readiness_is_the_inner_one() {
    let breakers = KeyedBreakers::new(plain().build().unwrap());
    breakers.breaker(&7).force_open();
    let layer = BreakerLayer::new("db").keyed_by(|request: &u32| *request).sharing(&breakers);
    let mut service = layer.layer(Strict::new().ready_fails(Kind::DataLoss));
    assert_eq!(service.ready().await.map(drop).unwrap_err().kind(), Kind::DataLoss);
    assert_eq!(breakers.breaker(&7).stats().failed, 0, "and it is not judged");
}

/// A refused call leaves the inner instance ready, for the next call of another key, or until it is dropped.
#[tokio::test(start_paused = true)]
async fn a_refusal_leaves_the_instance_ready() {
    let inner = Strict::new();
    let layer = BreakerLayer::new("db").keyed_by(|request: &u32| *request);
    layer.breakers().breaker(&7).force_open();
    let mut service = layer.layer(inner.clone());
    let refused = service.ready().await.unwrap().call(7);
    assert_eq!((inner.calls(), inner.reserved()), (0, 1));
    drop(refused);
    assert_eq!(service.ready().await.unwrap().call(8).await.unwrap(), 8);
    assert_eq!((inner.calls(), inner.reserved()), (1, 0));
    service.ready().await.unwrap().call(7).await.unwrap_err();
    drop(service);
    assert_eq!(inner.reserved(), 0);
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "poll_ready must be called first")]
async fn called_unready() {
    let mut service = BreakerLayer::new("db").keyed_by_str(|_: &u32| "a").layer(Strict::new());
    service.ready().await.unwrap();
    drop(service.call(7));
    drop(service.call(7));
}

/// Readiness belongs to the instance that was asked.
#[tokio::test(start_paused = true)]
#[should_panic(expected = "poll_ready must be called first")]
async fn a_clone_is_not_ready() {
    let mut service = BreakerLayer::new("db").keyed_by_str(|_: &u32| "a").layer(Strict::new());
    service.ready().await.unwrap();
    drop(service.clone().call(7));
}

/// [S2] a panic in the closure that finds the key, or in the key's own `Display`, passes on; nothing was counted or
/// reserved, and the next call works.
#[tokio::test(start_paused = true)]
async fn the_key_panics() {
    let layer = BreakerLayer::new("db").keyed_by(|request: &u32| {
        assert_ne!(*request, 0, "no key");
        *request
    });
    let inner = Strict::new();
    let mut service = layer.layer(inner.clone());
    service.ready().await.unwrap();
    catch_unwind(AssertUnwindSafe(|| drop(service.call(0)))).expect_err("it panics");
    assert_eq!((layer.breakers().len(), inner.calls()), (0, 0));
    catch_unwind(AssertUnwindSafe(|| drop(service.call(7)))).expect_err("it is no longer ready");
    assert_eq!(service.ready().await.unwrap().call(7).await.unwrap(), 7);

    #[derive(Clone, PartialEq, Eq, Hash)]
    struct Mute;
    impl std::fmt::Display for Mute {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            panic!("no words")
        }
    }
    let breakers = KeyedBreakers::new("db");
    catch_unwind(AssertUnwindSafe(|| drop(breakers.breaker(&Mute)))).expect_err("it panics");
    assert!(breakers.is_empty());
}

/// [S2] a panic in the classifier is none of the inner service: the call is neutral.
#[tokio::test(start_paused = true)]
async fn the_classifier_panics() {
    let layer = BreakerLayer::new("db")
        .classify_with(|_: &Result<u32, TestError>| panic!("no verdict"))
        .keyed_by_str(|_: &u32| "a");
    let mut service = layer.layer(Strict::new());
    let call = service.ready().await.unwrap().call(7);
    tokio::spawn(call).await.unwrap_err();
    let stats = layer.breakers().breaker("a").stats();
    assert_eq!((stats.failed, stats.neutral, stats.in_flight()), (0, 1, 0));
}

/// [S2] a panic as the classifier is cloned passes on; nothing was called or reserved.
#[tokio::test(start_paused = true)]
async fn the_clone_of_the_classifier_panics() {
    struct Fragile(Arc<AtomicBool>);
    impl Clone for Fragile {
        fn clone(&self) -> Self {
            assert!(!self.0.load(Relaxed), "it is broken");
            Self(Arc::clone(&self.0))
        }
    }
    impl Classifier<u32, TestError> for Fragile {
        fn judge(&self, _: &Result<u32, TestError>) -> Verdict {
            Verdict::success()
        }
    }
    let broken = Arc::new(AtomicBool::new(false));
    let layer = BreakerLayer::new("db").classifier(Fragile(broken.clone())).keyed_by_str(|_: &u32| "a");
    let inner = Strict::new();
    let mut service = layer.layer(inner.clone());
    service.ready().await.unwrap();
    broken.store(true, Relaxed);
    catch_unwind(AssertUnwindSafe(|| drop(service.call(7)))).expect_err("it panics");
    at_rest(layer.breakers());
    assert_eq!(inner.calls(), 0);
    let stats = layer.breakers().breaker("a").stats();
    assert_eq!((stats.admitted, stats.failed), (0, 0));
}

/// [S20] the classifier of the layer judges the calls of all keys.
#[tokio::test(start_paused = true)]
async fn the_classifier_decides() {
    async fn status(_: Request) -> Result<u16, TestError> {
        Ok(503)
    }
    fn judge<E>(reply: &Result<u16, E>) -> Verdict {
        if matches!(reply, Ok(..500)) { Verdict::success() } else { Verdict::failure(Kind::Unavailable) }
    }
    let by_value = BreakerLayer::new("db").classifier(judge).keyed_by_str(host);
    let by_closure = BreakerLayer::new("db")
        .classify_with(|reply: &Result<u16, TestError>| judge(reply))
        .keyed_by(|request: &Request| request.host);
    by_value.layer(service_fn(status)).oneshot(Request { host: "a" }).await.unwrap();
    by_closure.layer(service_fn(status)).oneshot(Request { host: "a" }).await.unwrap();
    assert_eq!(by_value.breakers().breaker("a").stats().failed, 1);
    assert_eq!(by_closure.breakers().breaker(&"a").stats().failed, 1);
}

/// [S7] a rejection is named after the key, of which a hostile one is cut and made harmless.
#[tokio::test(start_paused = true)]
async fn names() {
    let breakers = breakers();
    assert_eq!(breakers.breaker("api.example").name(), "db[api.example]");
    let hostile = format!("a\n\u{1b}[2J{}", "x".repeat(10_000));
    trip(&breakers.breaker(&hostile));
    let text = refused(&breakers.breaker(&hostile)).to_string();
    assert!(text.starts_with("db[a??[2Jxxx") && text.contains("…]: circuit open"), "{text}");
    assert!(text.len() < 300 && !text.contains(char::is_control), "{text}");
    assert!(!format!("{breakers:?}").contains("api.example"), "the handle tells no keys");
}

/// Never more than `max_keys`; who needs room evicts closed circuits in preference to one that refuses calls, or that
/// was ordered to be something else.
#[tokio::test(start_paused = true)]
async fn open_circuits_are_kept() {
    let template = plain().open_wait(support::exactly(secs(60))).build().unwrap();
    let breakers = KeyedBreakers::builder(template).max_keys(500).build().unwrap();
    trip(&breakers.breaker("open"));
    breakers.breaker("forced").force_open();
    breakers.breaker("disabled").disable();
    breakers.breaker("shadow").shadow();
    fail(&breakers.breaker("closed"), 4);
    for flood in 0..20_000 {
        drop(breakers.breaker(&format!("{flood}")));
        assert!(breakers.len() <= 500);
    }
    assert_eq!(breakers.get("open").unwrap().state(), State::Open);
    assert_eq!(breakers.get("forced").unwrap().state(), State::ForcedOpen);
    assert_eq!(breakers.get("disabled").unwrap().state(), State::Disabled);
    assert!(breakers.get("shadow").unwrap().is_shadow());
    assert!(breakers.get("closed").is_none());
    assert_eq!(breakers.stats().evicted_kept, 0);
}

/// The bound holds even if all circuits are open.
#[tokio::test(start_paused = true)]
async fn the_bound_wins() {
    let breakers = KeyedBreakers::builder("db").max_keys(100).build().unwrap();
    for flood in 0..1_000 {
        trip(&breakers.breaker(&format!("{flood}")));
    }
    assert_eq!(breakers.len(), 100);
    assert_eq!(breakers.stats().evicted_kept, 900);
}

/// An idle breaker goes, unless it still refuses calls; an open one whose wait is over goes.
#[tokio::test(start_paused = true)]
async fn idle_breakers_go() {
    let breakers = KeyedBreakers::builder(plain().build().unwrap()).max_keys(100).idle_after(secs(60));
    let breakers: KeyedBreakers<String> = breakers.build().unwrap();
    succeed(&breakers.breaker("closed"), 1);
    trip(&breakers.breaker("was open"));
    breakers.breaker("forced").force_open();
    for _ in 0..10_000 {
        drop(breakers.breaker("busy"));
        sleep(ms(50)).await;
    }
    let mut keys: Vec<_> = breakers.entries().into_iter().map(|(key, _)| key).collect();
    keys.sort();
    assert_eq!(keys, ["busy", "forced"]);
}

/// A call that is under way when its breaker goes is settled with that one; the key starts again.
#[tokio::test(start_paused = true)]
async fn a_call_outlives_its_key() {
    let breakers = breakers();
    let permit = admit(&breakers.breaker("a"));
    let old = breakers.remove("a").expect("it was there");
    assert!(breakers.get("a").is_none());
    trip(&old);
    permit.failure(Kind::Unavailable);
    assert_eq!((old.stats().late, old.stats().in_flight()), (1, 0));
    assert_eq!(breakers.breaker("a").stats().admitted, 0);
}

/// New keys get the settings of the template, and nothing of its state.
#[tokio::test(start_paused = true)]
async fn the_template() {
    let template = Breaker::builder("db").consecutive_failures(2).build().unwrap();
    template.force_open();
    let breakers: KeyedBreakers<u8> = KeyedBreakers::new(&template);
    fail(&breakers.breaker(&1), 2);
    assert!(breakers.breaker(&1).state().is_open());
    assert!(breakers.breaker(&2).state().is_closed());
}

/// [S8] bounds are checked at build, with setting and range.
#[test]
fn bad_bounds() {
    let refused = |keys, idle| {
        KeyedBreakers::<u8>::builder("db").max_keys(keys).idle_after(idle).build().unwrap_err().to_string()
    };
    assert!(refused(0, secs(1)).contains("max_keys"), "{}", refused(0, secs(1)));
    assert!(refused(1, std::time::Duration::from_micros(999)).contains("idle_after"));
}

/// It fits a boxed service that is `Clone + Send + Sync`, as web frameworks want it, and a spawned task; an error that is
/// boxed keeps its source.
#[tokio::test]
async fn fits() -> Result<(), BoxError> {
    async fn fetch(_: Request) -> Result<u32, Error> {
        Err(Error::new(Kind::Unavailable, "no route"))
    }
    let layer = BreakerLayer::new("fetch").keyed_by_str(host);
    let mut boxed = BoxCloneSyncService::<Request, u32, Error>::new(layer.layer(service_fn(fetch)));
    for _ in 0..5 {
        boxed.ready().await?.call(Request { host: "a" }).await.unwrap_err();
    }
    let call = boxed.ready().await?.call(Request { host: "a" });
    let refused = tokio::spawn(call).await?.unwrap_err();
    assert_eq!(refused.kind(), Kind::Rejected);
    assert!(refused.source().is_some());
    Ok(())
}

/// Dropped futures of several keys, each settled in its own circuit.
#[tokio::test(start_paused = true)]
async fn hangs_are_told_apart() {
    let layer = BreakerLayer::new("db").keyed_by(|request: &u32| *request);
    let mut service = layer.layer(Strict::new().then(Step::never()).then(Step::never()));
    let (one, two) = (service.ready().await.unwrap().call(1), service.ready().await.unwrap().call(2));
    drop(two);
    tokio::time::timeout(secs(2), one).await.unwrap_err();
    let stats = |key| layer.breakers().breaker(&key).stats();
    assert_eq!((stats(1).failed, stats(1).abandoned), (1, 1));
    assert_eq!((stats(2).failed, stats(2).abandoned), (0, 1));
}

/// The documented size of a key's breaker, with the key and its place in the map.
#[test]
fn a_breaker_of_a_key_takes_1_3_kb() {
    const KEYS: i64 = 1_000;
    let breakers = KeyedBreakers::<u64>::new("db");
    let bytes = retained_bytes(|| (0..KEYS as u64).for_each(|key| drop(breakers.breaker(&key)))) / KEYS;
    assert!((1_250..1_400).contains(&bytes), "{bytes} bytes");
}
