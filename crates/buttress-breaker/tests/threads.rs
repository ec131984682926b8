//! Two threads on one breaker.

mod support;

use std::thread;
use std::time::Duration;

use buttress_breaker::{Breaker, State};
use buttress_error::Kind;
use support::{fail, plain};

/// [S4] whatever two threads do to one breaker, its counts add up.
#[test]
fn counts_add_up() {
    const CALLS: u64 = 20_000;
    let breaker = Breaker::builder("db").open_for(Duration::from_micros(50)).lease(Duration::from_millis(1));
    let breaker = breaker.open_growth(1.0).failure_rate(0.3).build().unwrap();
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

/// [S22] half-open admits exactly its probes, however many threads ask at once.
#[test]
fn probes_are_exact() {
    for _ in 0..200 {
        let breaker = plain().open_for(Duration::from_nanos(1)).lease(Duration::MAX).build().unwrap();
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
