//! The breaker as a tower layer: closed with each kind of window, open, and one for each key.

use std::future::ready;
use std::hint::black_box;
use std::time::Duration;

use buttress::breaker::{KeyedBreakers, Window};
use buttress::{Breaker, BreakerLayer, Kind};
use tower::{Layer, service_fn};
use tower_resilience_circuitbreaker::{
    CircuitBreakerConfigBuilder, CircuitBreakerHandle, CircuitBreakerLayer, DefaultClassifier,
    SlidingWindowType,
};

use super::bare;
use crate::case::{Case, OURS, Subject};
use crate::drive::{Ends, calls, drive};
use crate::peers;
use crate::service::{self, Failure};

pub(super) const CASES: [Case; 14] = [
    Case {
        name: "breaker/consecutive",
        subjects: || vec![bare(), ours(Window::consecutive(5)), consecutive()],
    },
    Case { name: "breaker/count-10", subjects: || vec![bare(), ours(Window::count(10)), count(10)] },
    Case {
        name: "breaker/count-100",
        subjects: || vec![bare(), ours(Window::count(100)), leaked(Window::count(100)), count(100)],
    },
    Case {
        name: "breaker/count-10000",
        subjects: || vec![bare(), ours(Window::count(10_000)), count(10_000)],
    },
    Case { name: "breaker/time-10-live", subjects: || vec![bare(), our_time(10), time(10)] },
    Case {
        name: "breaker/time-100-live",
        subjects: || vec![bare(), our_time(100), leaked_time(100), time(100)],
    },
    Case { name: "breaker/time-1000-live", subjects: || vec![bare(), our_time(1_000), time(1_000)] },
    Case { name: "breaker/time-10000-live", subjects: || vec![bare(), our_time(10_000), time(10_000)] },
    Case { name: "breaker/time-sliding", subjects: || vec![bare(), ours(Window::time(SHORT)), sliding()] },
    Case { name: "breaker/open", subjects: || vec![bare(), our_open(), open()] },
    Case { name: "breaker/keyed-1", subjects: || vec![bare(), keyed(1), keyed_str(1)] },
    Case { name: "breaker/keyed-1000", subjects: || vec![bare(), keyed(1_000), keyed_str(1_000)] },
    Case { name: "breaker/keyed-100000", subjects: || vec![bare(), keyed(100_000), keyed_str(100_000)] },
    Case { name: "breaker/backpressure", subjects: || vec![bare(), backpressure()] },
];

const AN_HOUR: Duration = Duration::from_secs(3_600);
/// Longer than any run: an open breaker stays open.
pub(super) const A_DAY: Duration = Duration::from_secs(86_400);
/// A window that forgets all the time: how many records are alive follows from the speed.
const SHORT: Duration = Duration::from_millis(1);

/// Opens at half of the calls failed (or at so many failures in a row), for 30 s. Without slow-call rule.
pub(super) fn breaker(window: Window) -> Breaker {
    let builder = Breaker::builder("payments").window(window).failure_rate(0.5);
    builder.open_for(Duration::from_secs(30)).build().expect("valid settings")
}

fn ours(window: Window) -> Subject {
    subject(OURS.to_owned(), breaker(window))
}

/// Kept for ever, as the ready-made stack does: no reference is counted.
fn leaked(window: Window) -> Subject {
    subject(leaked_name(), breaker(window).leak())
}

pub(super) fn leaked_name() -> String {
    format!("{OURS}/leaked")
}

fn subject(name: String, breaker: Breaker) -> Subject {
    Subject::new(name, calls(BreakerLayer::new(breaker).layer(service::prompt()), Ends::Well))
}

/// Emptied as often as the peer's.
fn our_time(live: u64) -> Subject {
    timed(OURS.to_owned(), breaker(Window::time(AN_HOUR)), live)
}

fn leaked_time(live: u64) -> Subject {
    timed(leaked_name(), breaker(Window::time(AN_HOUR)).leak(), live)
}

fn timed(name: String, breaker: Breaker, live: u64) -> Subject {
    let layer = BreakerLayer::new(breaker);
    let call = calls(layer.layer(service::prompt()), Ends::Well);
    Subject::new(name, emptied(live, call, move || layer.breaker().reset()))
}

/// Opened by a failure, so that the refusal has something to tell.
fn our_open() -> Subject {
    let layer = BreakerLayer::new(opened());
    Subject::new(OURS, calls(layer.layer(service::prompt()), Ends::Badly))
}

pub(super) fn opened() -> Breaker {
    let builder = Breaker::builder("payments").window(Window::consecutive(1));
    let breaker = builder.open_for(A_DAY).build().expect("valid settings");
    breaker.admit().expect("it begins closed").failure(Kind::Unavailable);
    breaker
}

/// `call`, stopped to `empty` the window as often as it takes to have so many calls alive on average.
fn emptied(live: u64, mut call: impl FnMut(u64), mut empty: impl FnMut()) -> impl FnMut(u64) {
    let mut alive = 0;
    move |mut n| {
        while n > 0 {
            if alive == 2 * live {
                empty();
                alive = 0;
            }
            let some = n.min(2 * live - alive);
            call(some);
            alive += some;
            n -= some;
        }
    }
}

/// So many keys, each of which has its breaker already, in an order that no cache foresees.
fn keyed(keys: u64) -> Subject {
    let breakers = KeyedBreakers::builder(breaker(Window::consecutive(5))).max_keys(keys as usize);
    let breakers = breakers.build().expect("valid settings");
    (0..keys).for_each(|key| drop(breakers.breaker(&key)));
    let layer = BreakerLayer::new("payments").keyed_by(move |request: &u64| scatter(*request) % keys);
    Subject::new(OURS, calls(layer.sharing(breakers).layer(service::prompt()), Ends::Well))
}

/// The same by names that are a part of the request.
fn keyed_str(keys: u64) -> Subject {
    let breakers = KeyedBreakers::builder(breaker(Window::consecutive(5))).max_keys(keys as usize);
    let breakers = breakers.build().expect("valid settings");
    let names: Vec<_> = (0..keys).map(|key| format!("api-{key}.example")).collect();
    names.iter().for_each(|name| drop(breakers.breaker(name.as_str())));
    let names: &'static [String] = names.leak();
    let layer = BreakerLayer::new("payments")
        .keyed_by_str(move |request: &u64| &names[(scatter(*request) % keys) as usize])
        .sharing(breakers);
    Subject::new(format!("{OURS}/str"), calls(layer.layer(service::prompt()), Ends::Well))
}

/// A bijection, after the finalizer of `MurmurHash3`.
const fn scatter(n: u64) -> u64 {
    let n = (n ^ (n >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    n ^ (n >> 33)
}

/// Over a type of its own: with the type of the others, the calls of their layer would be compiled once for two users,
/// and be no longer inlined in either (17 instructions).
fn backpressure() -> Subject {
    let layer = BreakerLayer::new(breaker(Window::count(100))).backpressure();
    let prompt = service_fn(|request: u64| ready(Ok::<_, Failure>(black_box(request))));
    Subject::new(OURS, calls(layer.layer(prompt), Ends::Well))
}

type Builder = CircuitBreakerConfigBuilder<DefaultClassifier>;

/// Opens at half of the calls failed, for 30 s. Without slow-call rule.
pub(super) fn tower_resilience() -> Builder {
    CircuitBreakerLayer::builder()
        .name("payments")
        .failure_rate_threshold(0.5)
        .wait_duration_in_open(Duration::from_secs(30))
}

fn closed(builder: Builder) -> Subject {
    let layer = builder.build().expect("valid settings");
    Subject::new(peers::tower_resilience(), calls(layer.layer(service::prompt()), Ends::Well))
}

fn consecutive() -> Subject {
    closed(tower_resilience().consecutive_failures(5))
}

fn count(calls: usize) -> Subject {
    closed(tower_resilience().sliding_window_size(calls))
}

/// Its time window keeps a record per call, so its cost depends on how many are alive. The window is far longer
/// than a batch. (A reset alone keeps the records of a closed circuit. Both together cost a call 1 to 2 ns and 0.01
/// allocations at 100 alive.)
fn time(live: u64) -> Subject {
    let (layer, handle) = handled(time_window(AN_HOUR));
    let call = calls(layer.layer(service::prompt()), Ends::Well);
    let empty = move || {
        drive(handle.force_open());
        drive(handle.reset());
    };
    Subject::new(peers::tower_resilience(), emptied(live, call, empty))
}

fn sliding() -> Subject {
    closed(time_window(SHORT))
}

fn time_window(span: Duration) -> Builder {
    tower_resilience().sliding_window_type(SlidingWindowType::TimeBased).sliding_window_duration(span)
}

/// Refuses every call; its recovery is a day away.
fn open() -> Subject {
    let (layer, handle) = handled(tower_resilience().wait_duration_in_open(A_DAY));
    drive(handle.force_open());
    Subject::new(peers::tower_resilience(), calls(layer.layer(service::prompt()), Ends::Badly))
}

fn handled(
    builder: Builder,
) -> (CircuitBreakerLayer<DefaultClassifier>, CircuitBreakerHandle<DefaultClassifier>) {
    builder.build_with_handle().expect("valid settings")
}
