//! The traffic that retries add in an outage.

mod kit;

use std::future::ready;

use buttress_error::Kind;
use buttress_retry::{Backoff, Budget, Policy, RetryLayer};
use buttress_test::{Step, Strict, TestError};
use kit::MS;
use proptest::prelude::*;
use tower::util::BoxCloneService;
use tower::{Layer, ServiceExt};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// [S14] [S15] When everything fails, the traffic is at most 1 + ratio times the requests, plus the reserve: through one
    /// to four nested layers, each with the budget, with budgets of their own, or without a mark on the error.
    #[test]
    fn an_outage_is_bounded(
        layers in 1_u32..=4, ratio in 0.01..1.0_f64, per_second in 0_u32..20, attempts in 2_u32..6, shared: bool,
    ) {
        const REQUESTS: u32 = 400;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let calls = runtime.block_on(async {
            let inner = Strict::new();
            let one = Budget::ratio(ratio).min_per_second(per_second).build().unwrap();
            let fails = inner.clone().and_then(|_| ready(Err::<u32, _>(TestError::from(Kind::Unavailable))));
            let mut stack = BoxCloneService::new(fails);
            for _ in 0..layers {
                let budget = if shared { one.clone() } else { Budget::ratio(ratio).min_per_second(per_second).build().unwrap() };
                let policy = Policy::exponential().backoff(Backoff::none()).max_attempts(attempts).budget(budget);
                let layer = RetryLayer::new(policy.build().unwrap()).assume_idempotent();
                stack = BoxCloneService::new(layer.layer(stack));
            }
            for _ in 0..REQUESTS {
                stack.clone().oneshot(7).await.unwrap_err();
                tokio::time::advance(MS * 10).await;
            }
            inner.calls()
        });
        // 4 s at most: the window of 10 s has everything. A shared budget counts a request once in each layer.
        let counted = f64::from(REQUESTS) * if shared { f64::from(layers) } else { 1.0 };
        let most = f64::from(REQUESTS) + counted * ratio + 10.0 * f64::from(per_second);
        // A ratio is exact to a millionth.
        prop_assert!(f64::from(calls) <= most + counted / 1e6, "{calls} calls, {most} at most");
    }
}

/// The bound is reached: all that the budget grants is spent.
#[tokio::test(start_paused = true)]
async fn the_budget_is_spent() {
    let budget = Budget::ratio(0.2).min_per_second(0).build().unwrap();
    let policy = Policy::exponential().backoff(Backoff::none()).budget(budget).build().unwrap();
    let inner = (0..2000).fold(Strict::new(), |inner, _| inner.then(Step::fail(Kind::Unavailable)));
    let service = RetryLayer::new(policy).assume_idempotent().layer(inner.clone());
    for _ in 0..1000 {
        service.clone().oneshot(7).await.unwrap_err();
    }
    assert_eq!(inner.calls(), 1200);
}
