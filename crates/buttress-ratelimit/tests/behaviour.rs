//! What callers observe: permits, waits, weights, keys, and answers that drain the limit.

use std::error::Error as _;
use std::time::Duration;

use buttress_context::Context;
use buttress_error::{Class, Classify, Error, Kind, RejectionReason, RetryAdvice};
use buttress_ratelimit::{KeyedRateLimits, Rate, RateLimit, RateLimitLayer};
use buttress_test::{Step, Strict, TestError};
use tokio::time::{Instant, advance};
use tower::{Layer, Service, ServiceExt, service_fn};

const MS: Duration = Duration::from_millis(1);

fn limit(rate: Rate) -> RateLimit {
    RateLimit::new("search", rate).expect("a valid rate")
}

/// [S30] A refused call is told the exact time, and is admitted then, not earlier.
#[tokio::test(start_paused = true)]
async fn the_wait_of_a_refusal_is_exact() {
    let limit = limit(Rate::per_second(10).burst(2));
    limit.try_acquire(2).unwrap();
    advance(30 * MS).await;
    let refused = limit.try_acquire(1).unwrap_err();
    assert_eq!(refused.reason(), RejectionReason::RateLimited);
    assert_eq!(refused.retry_after(), Some(70 * MS));
    assert_eq!(refused.to_string(), "search: too many calls, retry after 70.0ms");
    assert_eq!(refused.class().retry_after, Some(70 * MS));
    advance(69 * MS).await;
    assert!(limit.try_acquire(1).is_err());
    advance(MS).await;
    assert!(limit.try_acquire(1).is_ok());
    assert_eq!(limit.stats().refused, 2);
}

/// [S30] A weight above the burst is refused for good, in every form, and takes nothing.
#[tokio::test(start_paused = true)]
async fn a_weight_above_the_burst_never_waits() {
    let limit = limit(Rate::per_second(10).burst(5));
    for refused in [
        limit.try_acquire(6).unwrap_err(),
        limit.acquire(6).await.unwrap_err(),
        limit.reserve(6, Duration::MAX).unwrap_err(),
    ] {
        assert_eq!(refused.reason(), RejectionReason::ExceedsBurst);
        assert_eq!(refused.retry_after(), None);
        assert_eq!(refused.class().retry, RetryAdvice::Never);
        assert_eq!(refused.to_string(), "search: call needs 6 permits, more than the burst of 5");
        assert!(refused.source().is_none());
    }
    assert_eq!(limit.available(), 5);
}

/// [S30] Waiters are served in the order in which they came; a light one does not overtake a heavy one.
#[tokio::test(start_paused = true)]
async fn waiters_are_served_in_order() {
    let limit = limit(Rate::per_second(10).burst(4));
    limit.try_acquire(4).unwrap();
    let start = Instant::now();
    let wait = |weight| {
        let limit = limit.clone();
        async move {
            limit.acquire(weight).await.unwrap();
            start.elapsed()
        }
    };
    let (heavy, light, last) = tokio::join!(wait(3), wait(1), wait(2));
    assert_eq!((heavy, light, last), (300 * MS, 400 * MS, 600 * MS));
    assert_eq!(limit.stats().waited, 3);
}

/// [S30] A waiter that leaves gives its permits back, and a used reservation does not.
#[tokio::test(start_paused = true)]
async fn an_unused_reservation_comes_back() {
    let limit = limit(Rate::per_second(10).burst(1));
    limit.try_acquire(1).unwrap();
    let first = limit.reserve(1, Duration::MAX).unwrap();
    assert_eq!(first.wait(), 100 * MS);
    drop(first);
    let second = limit.reserve(1, Duration::MAX).unwrap();
    assert_eq!(second.wait(), 100 * MS);
    advance(150 * MS).await;
    drop(second); // too late
    assert_eq!(limit.reserve(1, Duration::MAX).unwrap().wait(), 50 * MS);
    assert_eq!(limit.available(), 0);
}

/// A call is refused at once if its turn comes after its deadline.
#[tokio::test(start_paused = true)]
async fn the_deadline_bounds_the_wait() {
    let limit = limit(Rate::per_second(10).burst(1));
    let wait = |millis: u32| {
        let limit = limit.clone();
        Context::current().with_timeout(millis * MS).scope(async move { limit.acquire(1).await })
    };
    wait(10).await.unwrap();
    let refused = wait(99).await.unwrap_err();
    assert_eq!((refused.reason(), refused.retry_after()), (RejectionReason::RateLimited, Some(100 * MS)));
    wait(101).await.unwrap();
    assert_eq!(wait(0).await.unwrap_err().reason(), RejectionReason::Deadline);
    advance(1_000 * MS).await;
    let over = Context::current().with_timeout(5 * MS);
    advance(6 * MS).await;
    let refused = over.scope(limit.acquire(1)).await.unwrap_err();
    assert_eq!((refused.reason(), refused.class().kind), (RejectionReason::Deadline, Kind::DeadlineExceeded));
    assert_eq!(limit.available(), 1);
}

/// A wait of exactly the longest one is allowed.
#[tokio::test(start_paused = true)]
async fn the_longest_wait_is_allowed() {
    let limit = limit(Rate::per_second(10).burst(1));
    limit.try_acquire(1).unwrap();
    assert!(limit.reserve(1, 99 * MS).is_err());
    assert_eq!(limit.reserve(1, 100 * MS).unwrap().wait(), 100 * MS);
}

/// All rates or none: the permits of the first come back if the second refuses.
#[tokio::test(start_paused = true)]
async fn several_rates_at_once() {
    let rates = [Rate::per_second(5), Rate::per_hour(7)];
    let limit = RateLimit::with_rates("api", &rates).unwrap();
    limit.try_acquire(5).unwrap();
    advance(1_000 * MS).await;
    assert!(limit.try_acquire(3).is_err());
    assert_eq!(limit.available(), 2);
    limit.set_rates(&[Rate::per_second(5), Rate::per_hour(7_000)]).unwrap();
    assert_eq!(limit.available(), 5, "the rate that granted the permits has them again");
    limit.set_rates(&rates).unwrap();
    limit.try_acquire(2).unwrap();
    advance(1_000 * MS).await;
    let refused = limit.try_acquire(1).unwrap_err();
    assert!(refused.retry_after().unwrap() > Duration::from_secs(500), "the hourly rate decides: {refused}");
    assert!(RateLimit::with_rates("none", &[]).is_err());
}

/// A change applies at once, to all keys, and what was taken stays taken.
#[tokio::test(start_paused = true)]
async fn the_rate_changes_at_run_time() {
    let limits = KeyedRateLimits::<String>::new(limit(Rate::per_second(5).burst(1)));
    let (a, b) = (limits.get("a"), limits.get("b"));
    a.try_acquire(1).unwrap();
    limits.set_rate(Rate::per_second(10).burst(2)).unwrap();
    assert!(b.try_acquire(2).is_ok());
    assert_eq!(a.try_acquire(1).unwrap_err().retry_after(), Some(100 * MS));
    let error = a.set_rate(Rate::per_second(0)).unwrap_err();
    assert_eq!((error.setting(), limits.get("c").available()), ("permits", 2));
    assert!(a.set_rates(&[Rate::per_second(1); 2]).is_err());
}

/// A key that owes permits is not evicted while there is one that owes none: nobody gets permits by using many keys.
#[tokio::test(start_paused = true)]
async fn a_key_in_debt_stays() {
    let limits = KeyedRateLimits::bounded(limit(Rate::per_hour(1)), 50, Duration::from_secs(60)).unwrap();
    limits.get(&0).try_acquire(1).unwrap();
    for key in 1..1_000 {
        assert_eq!(limits.get(&key).available(), 1);
    }
    assert!(limits.get(&0).try_acquire(1).is_err());
}

#[derive(Clone, Debug)]
struct Order {
    tenant: u32,
    items: u32,
}

async fn place(order: Order) -> Result<u32, Error> {
    Ok(order.items)
}

/// Weights and keys come from the request, and a service is shared by its clones.
#[tokio::test(start_paused = true)]
async fn the_layer_weighs_and_finds_keys() {
    let layer = RateLimitLayer::per_second(5)
        .keyed_by(|order: &Order| order.tenant)
        .weighed_by(|order: &Order| order.items);
    let service = layer.layer(service_fn(place));
    let order = |tenant, items| service.clone().oneshot(Order { tenant, items });
    assert_eq!(order(1, 4).await.unwrap(), 4);
    let error = order(1, 2).await.unwrap_err();
    assert_eq!((error.kind(), error.class().retry_after), (Kind::Rejected, Some(200 * MS)));
    assert_eq!(order(2, 5).await.unwrap(), 5);
    assert_eq!(order(1, 1).await.unwrap(), 1);
}

/// [S30] The layer waits, and a call that gives up leaves its permits to others.
#[tokio::test(start_paused = true)]
async fn the_layer_waits() {
    let layer = RateLimitLayer::per_second(10).burst(1).max_wait(250 * MS);
    let inner = Strict::new();
    let service = layer.layer(inner.clone());
    let call = || service.clone().oneshot(7);
    let start = Instant::now();
    call().await.unwrap();
    let mut gives_up = Box::pin(call());
    assert!(futures_poll(gives_up.as_mut()).is_pending());
    assert_eq!(layer.limits().stats().waited, 1);
    drop(gives_up);
    assert_eq!(call().await.unwrap(), 7);
    assert_eq!(start.elapsed(), 100 * MS);
    let (first, second, third) = tokio::join!(call(), call(), call());
    assert!(first.is_ok() && second.is_ok(), "{first:?} {second:?}");
    assert!(third.is_err(), "a wait of 300 ms is too long");
    assert_eq!(start.elapsed(), 300 * MS);
    assert_eq!(inner.alive(), 0);
}

fn futures_poll<F: Future>(future: std::pin::Pin<&mut F>) -> std::task::Poll<F::Output> {
    future.poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("slow down")]
    Throttled(Option<Duration>),
    #[error(transparent)]
    Rejected(#[from] buttress_error::Rejection),
}

impl Classify for Failure {
    fn class(&self) -> Class {
        match self {
            Self::Throttled(wait) => {
                let class = Class::new(Kind::Throttled);
                wait.map_or(class, |wait| class.retry_after(wait))
            }
            Self::Rejected(rejection) => rejection.class(),
        }
    }
}

/// [S30] A throttled answer stops the calls for as long as it asks, up to the bound.
#[tokio::test(start_paused = true)]
async fn a_throttled_answer_drains_the_limit() {
    let layer = RateLimitLayer::per_second(10).drain_on_throttle(Duration::from_secs(60));
    for (asked, wait) in
        [(Some(2_000 * MS), 2_000 * MS), (None, Duration::ZERO), (Some(Duration::MAX), 60_000 * MS)]
    {
        advance(Duration::from_secs(600)).await;
        let throttled =
            layer.layer(service_fn(move |_: u32| async move { Err::<u32, _>(Failure::Throttled(asked)) }));
        assert!(matches!(throttled.oneshot(1).await, Err(Failure::Throttled(_))));
        let service = layer.layer(service_fn(|n: u32| async move { Ok::<_, Failure>(n) }));
        if !wait.is_zero() {
            let Err(Failure::Rejected(refused)) = service.clone().oneshot(1).await else {
                panic!("admitted")
            };
            assert_eq!(refused.retry_after(), Some(wait));
        }
        advance(wait).await;
        assert!(service.clone().oneshot(1).await.is_ok());
        assert!(service.oneshot(1).await.is_err(), "only the next permit was there");
    }
    assert_eq!(layer.limits().stats().drained, 3);
}

/// The answer of a call that had to wait drains the limit too.
#[tokio::test(start_paused = true)]
async fn an_answer_after_a_wait_drains_the_limit() {
    let layer = RateLimitLayer::per_second(10).burst(1).max_wait(200 * MS).drain_on_throttle(5_000 * MS);
    let asked = Some(5_000 * MS);
    let service = layer.layer(service_fn(move |fails: bool| async move {
        if fails { Err(Failure::Throttled(asked)) } else { Ok(()) }
    }));
    service.clone().oneshot(false).await.unwrap();
    assert!(matches!(service.clone().oneshot(true).await, Err(Failure::Throttled(_))));
    let Err(Failure::Rejected(refused)) = service.oneshot(false).await else { panic!("admitted") };
    assert_eq!(refused.retry_after(), Some(5_000 * MS));
}

/// [S3] Each call needs a `poll_ready` of its own.
#[tokio::test(start_paused = true)]
#[should_panic(expected = "poll_ready must be called first")]
async fn a_call_that_is_not_ready_panics() {
    let mut service = RateLimitLayer::per_second(10).layer(Strict::new());
    let first = service.ready().await.unwrap().call(7);
    drop((first, service.call(7)));
}

/// A refusal is neutral to a breaker, and does not reach the inner service.
#[tokio::test(start_paused = true)]
async fn a_refused_call_is_not_made() {
    let layer = RateLimitLayer::per_second(1);
    let inner = Strict::new().then(Step::ok());
    let mut service = layer.layer(inner.clone());
    service.ready().await.unwrap().call(7).await.unwrap();
    let refused: TestError = service.ready().await.unwrap().call(7).await.unwrap_err();
    assert_eq!(refused.class().breaker(), buttress_error::BreakerEffect::No);
}
