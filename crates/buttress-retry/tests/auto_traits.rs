//! What is `Send`, `Sync` and `Unpin`, and where the layer fits.

use std::future::{Ready, ready};
use std::sync::Arc;

use buttress_error::{ByKind, Error, Kind};
use buttress_retry::{
    Backoff, Budget, BudgetStats, ByTrait, Cloning, ConfigError, Jitter, Policy, PolicyBuilder, Progress,
    RatioBudget, Remedy, RemedyCondition, RemedyStats, ReplayStrategy, Reservation, ResponseFuture,
    RetryLayer, RetryService, TokenBudget, TokenSource, retry,
};
use buttress_test::{Step, Strict, TestError};
use tower::util::{BoxCloneService, BoxCloneSyncService};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};

const fn all<T: Send + Sync + Unpin + 'static>() {}
const fn sent<T: Send>(value: T) -> T {
    value
}

const _: () = {
    all::<Backoff>();
    all::<Budget>();
    all::<BudgetStats>();
    all::<ByTrait>();
    all::<Cloning>();
    all::<ConfigError>();
    all::<Jitter>();
    all::<Policy>();
    all::<PolicyBuilder>();
    all::<RatioBudget>();
    all::<Reservation>();
    all::<TokenBudget>();
    all::<RetryLayer>();
    all::<RemedyCondition>();
    all::<Progress>();
    all::<Remedy>();
    all::<RemedyStats>();
    all::<TokenSource>();
    all::<RetryService<Strict>>();
    // A service that is Send alone still makes futures that are Send.
    const fn future<T: Send + 'static>() {}
    future::<ResponseFuture<BoxCloneService<u32, u32, Error>, u32, ByKind, ByTrait>>();
};

/// A named field, with its whole type written out.
struct Client {
    orders: RetryService<Strict>,
    payments: BoxCloneSyncService<u32, u32, TestError>,
}

fn layer() -> RetryLayer {
    RetryLayer::new(Policy::default()).assume_idempotent()
}

fn inner() -> Strict {
    Strict::new().then(Step::fail(Kind::Unavailable))
}

#[tokio::test(start_paused = true)]
async fn as_a_named_field() {
    let mut client = Client {
        orders: layer().layer(inner()),
        payments: BoxCloneSyncService::new(ServiceBuilder::new().layer(layer()).service(inner())),
    };
    assert_eq!(client.orders.ready().await.unwrap().call(7).await.unwrap(), 7);
    assert_eq!(client.payments.ready().await.unwrap().call(7).await.unwrap(), 7);
}

#[tokio::test(start_paused = true)]
async fn boxed_and_spawned() {
    let boxed = BoxCloneService::new(ServiceBuilder::new().layer(layer()).service(inner()));
    // Over a boxed service as well, and a closure.
    let twice = layer().layer(boxed.clone());
    let closure = layer().layer(service_fn(|n: u32| ready(Ok::<_, Error>(n))));
    assert_eq!(tokio::spawn(boxed.oneshot(7)).await.unwrap().unwrap(), 7);
    assert_eq!(tokio::spawn(twice.oneshot(7)).await.unwrap().unwrap(), 7);
    assert_eq!(tokio::spawn(closure.oneshot(7)).await.unwrap().unwrap(), 7);
}

fn hidden() -> impl Service<u32, Response = u32, Error = TestError, Future: Send> + Clone + Send + Sync {
    ServiceBuilder::new().layer(layer()).service(inner())
}

#[tokio::test(start_paused = true)]
async fn behind_impl_service() {
    assert_eq!(hidden().oneshot(7).await.unwrap(), 7);
}

async fn fetch(url: &str) -> Result<usize, Error> {
    tokio::task::yield_now().await;
    Ok(url.len())
}

#[tokio::test(start_paused = true)]
async fn the_function_in_a_task() {
    let policy = Policy::default();
    let url = String::from("http://example.com/");
    let task = tokio::spawn(async move { retry(&policy, || fetch(&url)).await });
    assert_eq!(task.await.unwrap().unwrap(), 19);

    let shared = Arc::new(Policy::default());
    let policy = Arc::clone(&shared);
    let task = tokio::spawn(sent(async move { retry(&policy, || fetch("owned")).await }));
    assert_eq!(task.await.unwrap().unwrap(), 5);
    assert_eq!(retry(&shared, || fetch("shared")).await.unwrap(), 6);
}

/// A type that is neither `Clone` nor `Replay`, with a strategy of its own.
struct Once(u32);
#[derive(Clone)]
struct Again;

impl ReplayStrategy<Once> for Again {
    fn replay(&self, request: &Once) -> Option<Once> {
        Some(Once(request.0))
    }
}

#[tokio::test(start_paused = true)]
async fn a_strategy_of_ones_own() {
    fn answer(Once(n): Once) -> Ready<Result<u32, Error>> {
        ready(Ok(n))
    }
    assert_eq!(layer().replay_strategy(Again).layer(service_fn(answer)).oneshot(Once(7)).await.unwrap(), 7);
}
