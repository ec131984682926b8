//! Two threads on one breaker.

mod support;

use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use buttress_breaker::{Breaker, BreakerBuilder, BreakerLayer, OpenWait, Probes, State, TripRule, Window};
use buttress_error::{Error, Kind};
use support::{exactly, fail, plain};
use tower::{Layer, Service, service_fn};

fn short_waits() -> BreakerBuilder {
    Breaker::builder("db")
        .open_wait(OpenWait::new(Duration::from_micros(50)).multiplier(1.0))
        .probes(Probes::new(3).timeout(Duration::from_millis(1)))
}

/// [S4] whatever two threads do to one breaker, its counts add up.
#[test]
fn counts_add_up() {
    const CALLS: u64 = 20_000;
    let breaker = short_waits().failure_rate(0.3).build().unwrap();
    let work = |seed: u64| {
        let (breaker, mut random) = (breaker.clone(), seed);
        move || {
            let mut held = Vec::new();
            for _ in 0..CALLS {
                random =
                    random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let Ok(permit) = breaker.admit() else { continue };
                match random >> 61 {
                    0 | 1 => permit.failure(Kind::Unavailable),
                    2 => permit.failure(Kind::Throttled),
                    3 => permit.neutral(),
                    4 => held.push(permit),
                    _ => permit.success(),
                }
                if held.len() > 10 {
                    held.clear();
                }
            }
        }
    };
    thread::scope(|scope| {
        scope.spawn(work(1));
        scope.spawn(work(2));
    });
    let stats = breaker.stats();
    assert_eq!(stats.admitted + stats.rejected, 2 * CALLS);
    assert_eq!(stats.in_flight(), 0);
    assert!(stats.transitions > 0 && stats.succeeded > 0 && stats.failed > 0, "{stats:?}");
}

/// [S4] [S23] two threads on one breaker, each by the layer, by blocking calls, by closures and by permits, while
/// it opens, closes, and gets orders and other settings: every call that was made is settled once, and every other one was
/// refused.
#[test]
fn every_way_adds_up() {
    const ROUNDS: u64 = 10_000;
    let breaker = short_waits().failure_rate(0.3).build().unwrap();
    let (made, failing) = (AtomicU64::new(0), AtomicU64::new(0));
    let outcome = || {
        made.fetch_add(1, Ordering::Relaxed);
        // A long outage every now and then, and single failures.
        let call = failing.fetch_add(1, Ordering::Relaxed);
        let good = call % 4_096 > 64 && call % 61 > 0;
        if good { Ok(1) } else { Err(Error::new(Kind::Unavailable, "as told")) }
    };
    let work = |thread: u64| {
        let (breaker, outcome, made) = (breaker.clone(), &outcome, &made);
        move || {
            let layer = BreakerLayer::new(&breaker);
            let mut service = layer.layer(service_fn(|()| std::future::ready(outcome())));
            let mut cx = Context::from_waker(Waker::noop());
            for round in 0..ROUNDS {
                drop(breaker.call_blocking(outcome));
                assert!(Service::<()>::poll_ready(&mut service, &mut cx).is_ready());
                assert!(pin!(service.call(())).poll(&mut cx).is_ready());
                assert!(pin!(breaker.call(|| std::future::ready(outcome()))).poll(&mut cx).is_ready());
                if let Ok(permit) = breaker.admit() {
                    made.fetch_add(1, Ordering::Relaxed);
                    if round % 2 == 0 { permit.success() } else { drop(permit) }
                }
                match round % 1_000 + thread {
                    10 => breaker.disable(),
                    12 | 22 => breaker.reset(),
                    20 => breaker.force_open(),
                    31 => breaker
                        .reconfigure(
                            short_waits().window(Window::count(50)).slow_call(Duration::from_secs(1)),
                        )
                        .unwrap(),
                    41 => breaker
                        .reconfigure(short_waits().trip_when(TripRule::stuck(1, Duration::from_secs(9))))
                        .unwrap(),
                    51 => breaker.reconfigure(short_waits().failure_rate(0.3)).unwrap(),
                    _ => {}
                }
            }
        }
    };
    thread::scope(|scope| {
        scope.spawn(work(0));
        scope.spawn(work(1));
    });
    let stats = breaker.stats();
    assert_eq!((stats.admitted, stats.in_flight()), (made.into_inner(), 0), "{stats:?}");
    assert_eq!(stats.admitted + stats.rejected, 2 * 4 * ROUNDS, "{stats:?}");
    assert!(stats.transitions > 50 && stats.rejected > 100, "{stats:?}");
}

/// [S22] half-open admits exactly its probes, however many threads ask at once.
#[test]
fn probes_are_exact() {
    for _ in 0..200 {
        let breaker = plain()
            .open_wait(exactly(Duration::from_nanos(1)))
            .probes(Probes::new(3).to_close(3).timeout(Duration::MAX))
            .build()
            .unwrap();
        fail(&breaker, 5);
        thread::sleep(Duration::from_micros(1));
        let ask = || (0..10).filter_map(|_| breaker.admit().ok()).collect::<Vec<_>>();
        let (one, two) = thread::scope(|scope| {
            let (one, two) = (scope.spawn(ask), scope.spawn(ask));
            (one.join().unwrap(), two.join().unwrap())
        });
        assert_eq!(one.len() + two.len(), 3);
        assert_eq!(breaker.state(), State::HalfOpen);
    }
}

/// [S25] a look at the counts while another thread makes one call at a time finds no crowd in flight: a look that was held up
/// between two counters is taken again.
#[test]
fn looks_are_of_one_moment() {
    let breaker = plain().build().unwrap();
    let done = AtomicBool::new(false);
    let most = thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                breaker.call_blocking(|| Ok::<_, Error>(())).unwrap();
            }
        });
        let most = (0..200_000).map(|_| breaker.stats().in_flight()).max();
        done.store(true, Ordering::Relaxed);
        most
    });
    assert!(most.unwrap() < 1_000, "{most:?} in flight");
}
