//! Auto traits, and the places in which the types have to fit.

mod support;

use std::future::Future;

use buttress_breaker::fleet::{FleetSettings, FleetState, Lease, ProbeResult, SyncReply, SyncReport};
use buttress_breaker::{
    BackpressureLayer, BackpressureService, Breaker, BreakerBuilder, BreakerExplain, BreakerLayer,
    BreakerService, BreakerStats, ByKey, ByStr, KeyedBreakerLayer, KeyedBreakerService, KeyedBreakers,
    KeyedBreakersBuilder, KeyedStats, OpenWait, Permit, Probes, RateRule, ResponseFuture, SlowCall, State,
    Subscription, TripRule, Window,
};
use buttress_error::{BoxError, Error, Kind, Verdict, check};
use buttress_test::{Strict, StrictFuture, TestError};
use tower::util::BoxCloneSyncService;
use tower::{Layer, Service, ServiceExt, service_fn};

const fn all<T: Send + Sync + Unpin + 'static>() {}

#[test]
fn auto_traits() {
    all::<BackpressureLayer>();
    all::<BackpressureService<Strict>>();
    all::<Breaker>();
    all::<BreakerLayer>();
    all::<BreakerService<Strict>>();
    all::<BreakerBuilder>();
    all::<BreakerExplain>();
    all::<RateRule>();
    all::<TripRule>();
    all::<(SyncReply, Lease, ProbeResult, SyncReport, FleetSettings, FleetState)>();
    all::<KeyedBreakerLayer<ByStr<fn(&u32) -> &str>>>();
    all::<KeyedBreakerService<Strict, ByKey<fn(&u32) -> u32>, u32>>();
    all::<KeyedBreakers>();
    all::<KeyedBreakersBuilder<String>>();
    all::<KeyedStats>();
    all::<Permit>();
    all::<State>();
    all::<BreakerStats>();
    all::<Subscription>();
    all::<Window>();
    all::<(OpenWait, Probes, SlowCall)>();
    const fn future<T: Send + Sync + 'static>() {}
    future::<ResponseFuture<StrictFuture, buttress_error::ByKind>>();
}

#[test]
fn debug_says_something() {
    let layer = BreakerLayer::new("db");
    let text = format!("{layer:?} {:?} {:?}", layer.layer(()), layer.breaker().admit());
    assert!(text.contains("name: \"db\", state: Closed"), "{text}");
}

/// The layer fits over each kind of error, as a boxed service, and in a spawned task.
#[tokio::test]
async fn fits() -> Result<(), BoxError> {
    async fn with_error(n: u32) -> Result<u32, Error> {
        Ok(n)
    }
    async fn with_box(n: u32) -> Result<u32, BoxError> {
        Ok(n)
    }
    let service = BreakerLayer::new("a").layer(service_fn(with_error));
    check::<u32, _>(&service);
    assert_eq!(service.oneshot(1).await?, 1);
    let service = BreakerLayer::new(String::from("b")).layer(service_fn(with_box));
    let mut boxed: BoxCloneSyncService<u32, u32, BoxError> = BoxCloneSyncService::new(service);
    assert_eq!(boxed.ready().await?.call(2).await?, 2);
    // A classifier as a plain function fits every layer.
    fn judge<T, E>(reply: &Result<T, E>) -> Verdict {
        if reply.is_ok() { Verdict::success() } else { Verdict::failure(Kind::Unknown) }
    }
    let breaker = Breaker::new("c");
    let service = BreakerLayer::new(&breaker).classifier(judge).layer(service_fn(with_error));
    assert_eq!(service.clone().oneshot(3).await?, 3);
    let call = async move { breaker.call_with(judge, || with_error(4)).await };
    assert_eq!(tokio::spawn(call).await??, 4);
    Ok(())
}

/// The function's future is `Send` where the call's is.
#[test]
fn the_function_is_send() {
    const fn send<F: Future + Send>(_: &F) {}
    let breaker = Breaker::new("db");
    send(&breaker.call(|| std::future::ready(Ok::<_, TestError>(()))));
}

/// STYLE of a refusal: it stays small, for it is moved often.
#[test]
fn sizes() {
    assert!(size_of::<Permit>() <= 48, "{}", size_of::<Permit>());
    assert!(
        size_of::<ResponseFuture<std::future::Ready<Result<u32, TestError>>, buttress_error::ByKind>>()
            <= 160
    );
}
