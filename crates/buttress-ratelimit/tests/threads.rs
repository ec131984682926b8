//! Real threads and a real clock: the limit is never exceeded, and never left unused.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use buttress_ratelimit::{Rate, RateLimit};
use tokio::time::Instant;

/// [S30] Two threads at full speed get the burst and the rate, to within one permit of the time that has passed.
#[test]
fn the_limit_is_never_exceeded() {
    const PER_SECOND: u32 = 50_000;
    let limit = RateLimit::new("threads", Rate::per_second(PER_SECOND).burst(100)).unwrap();
    let (taken, barrier) = (AtomicU64::new(0), Barrier::new(2));
    let before = Instant::now();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                barrier.wait();
                while before.elapsed() < Duration::from_millis(200) {
                    if limit.try_acquire(1).is_ok() {
                        taken.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let elapsed = before.elapsed().as_secs_f64();
    let (taken, most) = (taken.into_inner() as f64, 100.0 + elapsed * f64::from(PER_SECOND));
    assert!(taken <= most + 1.0, "{taken} of {most}");
    assert!(limit.available() <= 100);
}
