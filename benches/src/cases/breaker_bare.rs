//! The breaker without tower: around a plain function.

use std::hint::black_box;
use std::time::Duration;

use buttress::Breaker;
use buttress::breaker::Window;
use failsafe::backoff::constant;
use failsafe::failure_policy::{FailurePolicy, consecutive_failures, success_rate_over_time_window};
use failsafe::{CircuitBreaker, Config};
use recloser::Recloser;

use super::breaker::{A_DAY, breaker, opened};
use crate::case::{BARE, Case, OURS, Subject};
use crate::peers;
use crate::service::Failure;

pub(super) const CASES: [Case; 6] = [
    Case {
        name: "breaker-bare/consecutive",
        subjects: || vec![bare(), ours(Window::consecutive(5)), failsafe(streak(5))],
    },
    Case { name: "breaker-bare/count-10", subjects: || vec![bare(), ours(Window::count(10)), recloser(10)] },
    Case {
        name: "breaker-bare/count-100",
        subjects: || vec![bare(), ours(Window::count(100)), recloser(100)],
    },
    Case {
        name: "breaker-bare/count-10000",
        subjects: || vec![bare(), ours(Window::count(10_000)), recloser(10_000)],
    },
    Case {
        name: "breaker-bare/time",
        subjects: || vec![bare(), ours(Window::time(Duration::from_secs(10))), failsafe(rate())],
    },
    Case {
        name: "breaker-bare/open",
        subjects: || vec![bare(), our_open(), failsafe_open(), recloser_open()],
    },
];

const OPEN_FOR: Duration = Duration::from_secs(30);

fn work(request: u64) -> Result<u64, Failure> {
    Ok(black_box(request))
}

/// `call` says whether a call went as the case wants it.
fn each(mut call: impl FnMut(u64) -> bool) -> impl FnMut(u64) {
    move |n| {
        let good = (0..n).filter(|request| call(black_box(*request))).count();
        assert_eq!(good as u64, n, "calls that ended as the case says");
    }
}

fn bare() -> Subject {
    Subject::new(BARE, each(|request| black_box(&work(request)).is_ok()))
}

fn ours(window: Window) -> Subject {
    let breaker = breaker(window);
    Subject::new(OURS, each(move |request| black_box(&guarded(&breaker, request)).is_ok()))
}

pub(super) fn guarded(breaker: &Breaker, request: u64) -> Result<u64, Failure> {
    breaker.call_blocking(|| work(request))
}

fn our_open() -> Subject {
    let breaker = opened();
    Subject::new(OURS, each(move |request| black_box(&guarded(&breaker, request)).is_err()))
}

fn failsafe(policy: impl FailurePolicy + Send + 'static) -> Subject {
    let breaker = Config::new().failure_policy(policy).build();
    Subject::new(peers::failsafe(), each(move |request| black_box(&breaker.call(|| work(request))).is_ok()))
}

fn streak(failures: u32) -> impl FailurePolicy + Send + 'static {
    consecutive_failures(failures, constant(OPEN_FOR))
}

/// Opens at half of at least ten calls failed within 10 s; it weighs them by age (a moving average).
fn rate() -> impl FailurePolicy + Send + 'static {
    success_rate_over_time_window(0.5, 10, Duration::from_secs(10), constant(OPEN_FOR))
}

/// Opens at half of the calls failed.
fn recloser(calls: usize) -> Subject {
    let breaker = Recloser::custom().error_rate(0.5).closed_len(calls).open_wait(OPEN_FOR).build();
    Subject::new(peers::recloser(), each(move |request| black_box(&breaker.call(|| work(request))).is_ok()))
}

fn failsafe_open() -> Subject {
    let breaker = Config::new().failure_policy(consecutive_failures(1, constant(A_DAY))).build();
    let _ = breaker.call(|| Err::<(), _>(Failure::Broken));
    Subject::new(peers::failsafe(), each(move |request| black_box(&breaker.call(|| work(request))).is_err()))
}

fn recloser_open() -> Subject {
    let breaker = Recloser::custom().error_rate(0.5).closed_len(2).open_wait(A_DAY).build();
    for _ in 0..4 {
        let _ = breaker.call(|| Err::<(), _>(Failure::Broken));
    }
    Subject::new(peers::recloser(), each(move |request| black_box(&breaker.call(|| work(request))).is_err()))
}
