//! A million calls of one breaker with every rule.

mod support;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use buttress_breaker::{State, TripRule, Window};
use buttress_error::{Error, Kind};
use support::{ms, plain, secs, sleep};

/// [S1] [S19] [S22] [S23] after a million calls of every sort, through good times and outages: every call was admitted or
/// refused and is settled once; every state was left again, and the memory is that of the beginning.
#[tokio::test(start_paused = true)]
async fn a_million_calls() {
    const CALLS: u64 = 1_000_000;
    let builder = plain()
        .slow_call(ms(50))
        .trip_when(TripRule::throttle_rate(0.5))
        .trip_when(TripRule::failure_rate(0.9).over(Window::count(100)))
        .trip_when(TripRule::failures_in_a_row(200))
        .trip_when(TripRule::stuck(25, secs(2)));
    let breaker = builder.build().unwrap();
    let mut random = fastrand::Rng::with_seed(4);
    let mut held = Vec::with_capacity(20);
    let (mut refused, mut visits) = (0, [0_u64; 3]);
    for call in 0..CALLS {
        let outage = call % 10_000 < 1_000;
        if random.u8(..) < 16 {
            sleep(ms(random.u64(0..if outage { 3_000 } else { 20 }))).await;
        }
        visits[match breaker.state() {
            State::Closed => 0,
            State::Open => 1,
            _ => 2,
        }] += 1;
        if random.bool() {
            let outcome = breaker.call_blocking(|| match outage {
                true => Err(Error::new(Kind::Unavailable, "an outage")),
                false => Ok(()),
            });
            refused += u64::from(outcome.is_err_and(|error| error.kind() == Kind::Rejected));
            continue;
        }
        let Ok(permit) = breaker.admit() else {
            refused += 1;
            continue;
        };
        match random.u8(..) {
            _ if outage => permit.failure(Kind::Unavailable),
            0..200 => permit.success(),
            200..210 => permit.failure(Kind::Timeout),
            210..220 => permit.failure(Kind::Throttled),
            220..230 => permit.neutral(),
            230..235 => drop(permit),
            235..237 => {
                let panicked = catch_unwind(AssertUnwindSafe(|| {
                    let _permit = permit;
                    resume_unwind(Box::new("as told"))
                }));
                drop::<Result<(), _>>(panicked);
            }
            _ if held.len() < 20 => held.push(permit),
            _ => held.swap_remove(random.usize(..20)).success(),
        }
    }
    held.clear();
    let stats = breaker.stats();
    assert_eq!((stats.admitted + stats.rejected, stats.rejected), (CALLS, refused), "{stats:?}");
    assert_eq!(stats.in_flight(), 0, "{stats:?}");
    assert!(visits.iter().all(|visits| *visits > 1_000), "{visits:?}");
    assert!(stats.late > 0 && stats.slow > 0 && stats.abandoned > 0 && stats.throttled > 0, "{stats:?}");
    assert!(stats.transitions > 300, "100 outages: {stats:?}");
    sleep(secs(60)).await;
    let calls = buttress_test::allocations(|| {
        for _ in 0..10_000 {
            breaker.call_blocking(|| Ok::<_, Error>(())).unwrap();
        }
    });
    assert!(breaker.state().is_closed());
    assert!(calls < 10, "{calls} allocations: the round of probes, and the refilled slab");
}
