//! The breaker as a tower layer: closed with each kind of window, open, and one breaker per key.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use buttress::breaker::{KeyedBreakers, Window};
use buttress::{Breaker, BreakerLayer, Kind};
use dashmap::DashMap;
use tower::util::Oneshot;
use tower::{Layer, Service, ServiceExt};
use tower_resilience_circuitbreaker::{
    CircuitBreakerConfigBuilder, CircuitBreakerHandle, CircuitBreakerLayer, DefaultClassifier,
    SlidingWindowType,
};

use super::bare;
use crate::case::{Case, OURS, Subject, named, with_each_error};
use crate::drive::{Ends, calls, drive};
use crate::peers;
use crate::service::{self, App, Failure};

pub(super) const CASES: [Case; 15] = [
    Case {
        name: "breaker/consecutive",
        subjects: || vec![bare::<App>(), ours::<App>(Window::consecutive(5)), consecutive()],
    },
    Case {
        name: "breaker/count-10",
        subjects: || vec![bare::<App>(), ours::<App>(Window::count(10)), count::<App>(10)],
    },
    Case { name: "breaker/count-100", subjects: || with_each_error!(count_100()) },
    Case {
        name: "breaker/count-10000",
        subjects: || vec![bare::<App>(), ours::<App>(Window::count(10_000)), count::<App>(10_000)],
    },
    Case {
        name: "breaker/time-10-live",
        subjects: || vec![bare::<App>(), our_time::<App>(10), time::<App>(10)],
    },
    Case {
        name: "breaker/time-100-live",
        subjects: || vec![bare::<App>(), our_time::<App>(100), time::<App>(100)],
    },
    Case { name: "breaker/time-1000-live", subjects: || with_each_error!(time_1000_live()) },
    Case {
        name: "breaker/time-10000-live",
        subjects: || vec![bare::<App>(), our_time::<App>(10_000), time::<App>(10_000)],
    },
    Case {
        name: "breaker/time-sliding",
        subjects: || vec![bare::<App>(), ours::<App>(Window::time(SHORT)), sliding()],
    },
    Case { name: "breaker/open", subjects: || with_each_error!(open()) },
    Case {
        name: "breaker/keyed-1",
        subjects: || vec![bare::<App>(), keyed(1), keyed_str(1), map_of_services(1)],
    },
    Case {
        name: "breaker/keyed-1000",
        subjects: || vec![bare::<App>(), keyed(1_000), keyed_str(1_000), map_of_services(1_000)],
    },
    Case {
        name: "breaker/keyed-10000",
        subjects: || vec![bare::<App>(), keyed(10_000), keyed_str(10_000), map_of_services(10_000)],
    },
    Case {
        name: "breaker/keyed-100000",
        subjects: || vec![bare::<App>(), keyed(100_000), keyed_str(100_000), map_of_services(100_000)],
    },
    Case { name: "breaker/backpressure", subjects: || vec![bare::<App>(), backpressure()] },
];

const AN_HOUR: Duration = Duration::from_secs(3_600);
/// Longer than any run: an open breaker stays open.
pub(super) const A_DAY: Duration = Duration::from_secs(86_400);
/// A window that forgets all the time: the speed decides how many records are live.
const SHORT: Duration = Duration::from_millis(1);

/// Opens for 30 s when half of the calls failed, or after the given number of failures in a row. It has no rule for slow
/// calls.
pub(crate) fn breaker(window: Window) -> Breaker {
    let builder = Breaker::builder("payments").window(window).failure_rate(0.5);
    builder.open_wait(Duration::from_secs(30)).build().expect("valid settings")
}

fn count_100<E: Failure>() -> Vec<Subject> {
    vec![bare::<E>(), ours::<E>(Window::count(100)), count::<E>(100)]
}

fn time_1000_live<E: Failure>() -> Vec<Subject> {
    vec![bare::<E>(), our_time::<E>(1_000), time::<E>(1_000)]
}

fn open<E: Failure>() -> Vec<Subject> {
    vec![bare::<E>(), our_open::<E>(), their_open::<E>()]
}

fn ours<E: Failure>(window: Window) -> Subject {
    let layer = BreakerLayer::new(breaker(window));
    Subject::new(named::<E>(OURS), calls(layer.layer(service::prompt::<E>()), Ends::Well))
}

/// Emptied as often as the peer's.
fn our_time<E: Failure>(live: u64) -> Subject {
    let layer = BreakerLayer::new(breaker(Window::time(AN_HOUR)));
    let call = calls(layer.layer(service::prompt::<E>()), Ends::Well);
    Subject::new(named::<E>(OURS), emptied(live, call, move || layer.breaker().reset()))
}

/// Opened by a failure, so that the rejection can report it.
fn our_open<E: Failure>() -> Subject {
    let layer = BreakerLayer::new(opened());
    Subject::new(named::<E>(OURS), calls(layer.layer(service::prompt::<E>()), Ends::Badly))
}

pub(crate) fn opened() -> Breaker {
    let builder = Breaker::builder("payments").window(Window::consecutive(1));
    let breaker = builder.open_wait(A_DAY).build().expect("valid settings");
    breaker.admit().expect("it starts closed").failure(Kind::Unavailable);
    breaker
}

/// `call`, interrupted to `empty` the window whenever it holds `2 * live` calls, so that `live` calls are in it on average.
fn emptied(live: u64, mut call: impl FnMut(u64), mut empty: impl FnMut()) -> impl FnMut(u64) {
    let mut recorded = 0;
    move |mut n| {
        while n > 0 {
            if recorded == 2 * live {
                empty();
                recorded = 0;
            }
            let some = n.min(2 * live - recorded);
            call(some);
            recorded += some;
            n -= some;
        }
    }
}

/// The key of a request, in an order that no cache predicts.
pub(super) const fn key(request: u64, keys: u64) -> u64 {
    scatter(request) % keys
}

/// Breakers by number; each of the `keys` keys has its own already.
pub(crate) fn keyed_breakers(keys: u64) -> KeyedBreakers<u64> {
    let breakers = KeyedBreakers::builder(breaker(Window::consecutive(5))).max_keys(keys as usize);
    let breakers = breakers.build().expect("valid settings");
    (0..keys).for_each(|key| drop(breakers.breaker(&key)));
    breakers
}

fn keyed(keys: u64) -> Subject {
    let layer = BreakerLayer::new("payments").keyed_by(move |request: &u64| key(*request, keys));
    let service = layer.sharing(keyed_breakers(keys)).layer(service::prompt::<App>());
    Subject::new(OURS, calls(service, Ends::Well))
}

/// The same by names that are a part of the request.
fn keyed_str(keys: u64) -> Subject {
    let breakers = KeyedBreakers::builder(breaker(Window::consecutive(5))).max_keys(keys as usize);
    let breakers = breakers.build().expect("valid settings");
    let names: Vec<_> = (0..keys).map(|key| format!("api-{key}.example")).collect();
    names.iter().for_each(|name| drop(breakers.breaker(name.as_str())));
    let names: &'static [String] = names.leak();
    let layer = BreakerLayer::new("payments")
        .keyed_by_str(move |request: &u64| &names[key(*request, keys) as usize])
        .sharing(breakers);
    Subject::new(format!("{OURS}/str"), calls(layer.layer(service::prompt::<App>()), Ends::Well))
}

/// What a user of tower-resilience builds for one breaker per key: a map of services.
fn map_of_services(keys: u64) -> Subject {
    let services = (0..keys).map(|key| {
        let layer = tower_resilience().consecutive_failures(5).build().expect("valid settings");
        (key, layer.layer(service::prompt::<App>()))
    });
    let service = ServiceOfKey { services: Arc::new(services.collect()), keys };
    Subject::new(format!("dashmap of {}", peers::tower_resilience()), calls(service, Ends::Well))
}

struct ServiceOfKey<S> {
    services: Arc<DashMap<u64, S>>,
    keys: u64,
}

impl<S: Service<u64> + Clone> Service<u64> for ServiceOfKey<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = Oneshot<S, u64>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: u64) -> Self::Future {
        let service = self.services.get(&key(request, self.keys)).expect("every key has a service").clone();
        service.oneshot(request)
    }
}

/// A bijection, after the finalizer of `MurmurHash3`.
const fn scatter(n: u64) -> u64 {
    let n = (n ^ (n >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    n ^ (n >> 33)
}

fn backpressure() -> Subject {
    let layer = BreakerLayer::new(breaker(Window::count(100))).backpressure();
    Subject::new(OURS, calls(layer.layer(service::prompt::<App>()), Ends::Well))
}

type Builder = CircuitBreakerConfigBuilder<DefaultClassifier>;

/// Opens for 30 s when half of the calls failed. It has no rule for slow calls.
pub(crate) fn tower_resilience() -> Builder {
    CircuitBreakerLayer::builder()
        .name("payments")
        .failure_rate_threshold(0.5)
        .wait_duration_in_open(Duration::from_secs(30))
}

fn closed<E: Failure>(builder: Builder) -> Subject {
    let layer = builder.build().expect("valid settings");
    let service = layer.layer(service::prompt::<E>());
    Subject::new(named::<E>(peers::tower_resilience()), calls(service, Ends::Well))
}

fn consecutive() -> Subject {
    closed::<App>(tower_resilience().consecutive_failures(5))
}

fn count<E: Failure>(calls: usize) -> Subject {
    closed::<E>(tower_resilience().sliding_window_size(calls))
}

/// Its time window keeps a record per call, so its cost depends on the number of live records. The window is far longer
/// than a batch. A reset alone keeps the records of a closed circuit, so the circuit is opened first; both together cost a
/// call 1 to 2 ns and 0.01 allocations at 100 live records.
fn time<E: Failure>(live: u64) -> Subject {
    let (layer, handle) = handled(time_window(AN_HOUR));
    let call = calls(layer.layer(service::prompt::<E>()), Ends::Well);
    let empty = move || {
        drive(handle.force_open());
        drive(handle.reset());
    };
    Subject::new(named::<E>(peers::tower_resilience()), emptied(live, call, empty))
}

fn sliding() -> Subject {
    closed::<App>(time_window(SHORT))
}

fn time_window(span: Duration) -> Builder {
    tower_resilience().sliding_window_type(SlidingWindowType::TimeBased).sliding_window_duration(span)
}

/// Refuses every call; its recovery is a day away.
fn their_open<E: Failure>() -> Subject {
    let (layer, handle) = handled(tower_resilience().wait_duration_in_open(A_DAY));
    drive(handle.force_open());
    let service = layer.layer(service::prompt::<E>());
    Subject::new(named::<E>(peers::tower_resilience()), calls(service, Ends::Badly))
}

fn handled(
    builder: Builder,
) -> (CircuitBreakerLayer<DefaultClassifier>, CircuitBreakerHandle<DefaultClassifier>) {
    builder.build_with_handle().expect("valid settings")
}
