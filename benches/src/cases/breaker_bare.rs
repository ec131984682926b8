//! The breaker without tower: around a plain function.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use buttress::Breaker;
use buttress::breaker::{Permit, Window};
use dashmap::DashMap;
use failsafe::backoff::constant;
use failsafe::failure_policy::{FailurePolicy, consecutive_failures, success_rate_over_time_window};
use failsafe::{CircuitBreaker, Config};
use recloser::Recloser;

use super::breaker::{A_DAY, breaker, key, keyed_breakers, opened};
use crate::case::{BARE, Case, OURS, Subject, named, with_each_error};
use crate::drive::{Ends, awaited};
use crate::peers;
use crate::service::{App, Failure};

pub(super) const CASES: [Case; 8] = [
    Case {
        name: "breaker-bare/consecutive",
        subjects: || vec![bare::<App>(), ours::<App>(Window::consecutive(5)), failsafe::<App>(streak(5))],
    },
    Case {
        name: "breaker-bare/count-10",
        subjects: || vec![bare::<App>(), ours::<App>(Window::count(10)), recloser::<App>(10)],
    },
    Case { name: "breaker-bare/count-100", subjects: || with_each_error!(count_100()) },
    Case {
        name: "breaker-bare/count-10000",
        subjects: || vec![bare::<App>(), ours::<App>(Window::count(10_000)), recloser::<App>(10_000)],
    },
    Case {
        name: "breaker-bare/time",
        subjects: || {
            let ours = ours::<App>(Window::time(Duration::from_secs(10)));
            vec![bare::<App>(), ours, failsafe::<App>(rate())]
        },
    },
    Case { name: "breaker-bare/async", subjects: || with_each_error!(call()) },
    Case { name: "breaker-bare/open", subjects: || with_each_error!(open()) },
    Case {
        name: "breaker-bare/keyed-10000",
        subjects: || vec![bare::<App>(), keyed(10_000), keyed_async(10_000), map_of_reclosers(10_000)],
    },
];

const OPEN_FOR: Duration = Duration::from_secs(30);

/// The application's function.
#[inline(never)]
fn work<E>(request: u64) -> Result<u64, E> {
    Ok(black_box(request))
}

/// Calls the application's function `call`, which blocks, and checks that each call ends as `ends` says.
fn each<T, E>(
    ends: Ends,
    mut call: impl FnMut(u64) -> Result<T, E> + Send + 'static,
) -> impl FnMut(u64) + Send + 'static {
    move |n| {
        let good = (0..n)
            .filter(|request| {
                let outcome = out_of_line(&mut call, black_box(*request));
                black_box(&outcome).is_ok() == (ends == Ends::Well)
            })
            .count();
        assert_eq!(good as u64, n, "calls that ended as the case says");
    }
}

#[inline(never)]
fn out_of_line<T>(call: &mut impl FnMut(u64) -> T, request: u64) -> T {
    call(request)
}

fn bare<E: Failure>() -> Subject {
    Subject::new(named::<E>(BARE), each(Ends::Well, work::<E>))
}

fn count_100<E: Failure>() -> Vec<Subject> {
    vec![bare::<E>(), ours::<E>(Window::count(100)), recloser::<E>(100)]
}

fn ours<E: Failure>(window: Window) -> Subject {
    let breaker = breaker(window);
    Subject::new(named::<E>(OURS), each(Ends::Well, move |request| guarded::<E>(&breaker, request)))
}

pub(super) fn guarded<E: Failure>(breaker: &Breaker, request: u64) -> Result<u64, E> {
    breaker.call_blocking(|| work(request))
}

/// Around an async function.
fn call<E: Failure>() -> Vec<Subject> {
    let breaker = breaker(Window::count(100));
    let ours = awaited(Ends::Well, async move |request| breaker.call(|| fetch::<E>(request)).await);
    vec![
        Subject::new(named::<E>(BARE), awaited(Ends::Well, async |request| fetch::<E>(request).await)),
        Subject::new(named::<E>(OURS), ours),
    ]
}

#[inline(never)]
async fn fetch<E>(request: u64) -> Result<u64, E> {
    Ok(black_box(request))
}

fn open<E: Failure>() -> Vec<Subject> {
    let (by_call, by_admit) = (opened(), opened());
    vec![
        bare::<E>(),
        Subject::new(named::<E>(OURS), each(Ends::Badly, move |request| guarded::<E>(&by_call, request))),
        Subject::new(
            named::<E>(format!("{OURS}/admit")),
            each(Ends::Badly, move |_| by_admit.admit().map(Permit::success)),
        ),
        failsafe_open::<E>(),
        recloser_open::<E>(),
    ]
}

fn failsafe<E: Failure>(policy: impl FailurePolicy + Send + 'static) -> Subject {
    let breaker = Config::new().failure_policy(policy).build();
    let call = move |request| breaker.call(|| work::<E>(request));
    Subject::new(named::<E>(peers::failsafe()), each(Ends::Well, call))
}

fn streak(failures: u32) -> impl FailurePolicy + Send + 'static {
    consecutive_failures(failures, constant(OPEN_FOR))
}

/// Opens when half of at least ten calls failed within 10 s; it weights them by age (a moving average).
fn rate() -> impl FailurePolicy + Send + 'static {
    success_rate_over_time_window(0.5, 10, Duration::from_secs(10), constant(OPEN_FOR))
}

/// Opens when half of the calls failed.
fn recloser<E: Failure>(calls: usize) -> Subject {
    let breaker = Recloser::custom().error_rate(0.5).closed_len(calls).open_wait(OPEN_FOR).build();
    let call = move |request| breaker.call(|| work::<E>(request));
    Subject::new(named::<E>(peers::recloser()), each(Ends::Well, call))
}

fn failsafe_open<E: Failure>() -> Subject {
    let breaker = Config::new().failure_policy(consecutive_failures(1, constant(A_DAY))).build();
    let _ = breaker.call(|| Err::<(), _>(E::down()));
    let call = move |request| breaker.call(|| work::<E>(request));
    Subject::new(named::<E>(peers::failsafe()), each(Ends::Badly, call))
}

fn recloser_open<E: Failure>() -> Subject {
    let breaker = Recloser::custom().error_rate(0.5).closed_len(2).open_wait(A_DAY).build();
    for _ in 0..4 {
        let _ = breaker.call(|| Err::<(), _>(E::down()));
    }
    let call = move |request| breaker.call(|| work::<E>(request));
    Subject::new(named::<E>(peers::recloser()), each(Ends::Badly, call))
}

/// One breaker per key, looked up by the caller.
fn keyed(keys: u64) -> Subject {
    let breakers = keyed_breakers(keys);
    let call = move |request| guarded::<App>(&breakers.breaker(&key(request, keys)), request);
    Subject::new(OURS, each(Ends::Well, call))
}

/// The same around an async function.
fn keyed_async(keys: u64) -> Subject {
    let breakers = keyed_breakers(keys);
    let call = async move |request| {
        let breaker = breakers.breaker(&key(request, keys));
        breaker.call(|| fetch::<App>(request)).await
    };
    Subject::new(format!("{OURS}/async"), awaited(Ends::Well, call))
}

/// Taken out of the map, so that no shard of it is locked during the call.
fn map_of_reclosers(keys: u64) -> Subject {
    let breaker = || Arc::new(Recloser::custom().error_rate(0.5).closed_len(5).open_wait(OPEN_FOR).build());
    let breakers: DashMap<_, _> = (0..keys).map(|key| (key, breaker())).collect();
    let call = move |request| {
        let breaker = Arc::clone(&breakers.get(&key(request, keys)).expect("every key has a breaker"));
        breaker.call(|| work::<App>(request))
    };
    Subject::new(format!("dashmap of {}", peers::recloser()), each(Ends::Well, call))
}
