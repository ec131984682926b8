//! The load: calls that arrive at a steady rate, whether earlier ones have ended or not.

use std::future::Future;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, interval_at};

/// Makes a call every `every`, from `first` on and before `until`, and returns when all have ended.
///
/// What is late because the machine was busy is made up for at once, so that the number of calls is always the same.
pub async fn steady<F>(every: Duration, first: Instant, until: Instant, call: impl Fn() -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut calls = JoinSet::new();
    let mut ticks = interval_at(first, every);
    while ticks.tick().await < until {
        calls.spawn(call());
        while calls.try_join_next().is_some() {}
    }
    while calls.join_next().await.is_some() {}
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::time::sleep;

    use super::*;

    #[tokio::test]
    async fn slow_calls_hold_nobody_up() {
        let (began, ended) = (Instant::now(), Arc::new(AtomicU32::new(0)));
        steady(Duration::from_millis(2), began, began + Duration::from_millis(100), || {
            let ended = Arc::clone(&ended);
            async move {
                sleep(Duration::from_secs(1)).await;
                ended.fetch_add(1, Ordering::Relaxed);
            }
        })
        .await;
        assert_eq!(ended.load(Ordering::Relaxed), 50, "all have ended");
        assert!(began.elapsed() < Duration::from_secs(25), "not one after the other");
    }
}
