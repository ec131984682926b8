//! The bound over all calls.

mod kit;

use std::time::Duration;

use buttress_context::Context;
use buttress_error::{Error, Kind, StopReason};
use buttress_retry::{Backoff, Budget, Policy, Remedy, Reservation, TokenBudget, on, retry};
use buttress_test::{Step, TestError};
use kit::{MS, call, call_built, plain, reported, script};
use tokio::time::{Instant, advance};

fn ten() -> Budget {
    Budget::ratio(0.0).min_per_second(1).build().expect("good settings")
}

fn failing(attempts: usize) -> buttress_test::Strict {
    script(vec![Step::fail(Kind::Unavailable); attempts])
}

/// [S14] On by default: 1 000 calls that fail at once get 20 % of retries, and the reserve of 10 s times 2.
#[tokio::test(start_paused = true)]
async fn default_ratio_and_reserve() {
    let inner = failing(10_000);
    let policy = Policy::exponential().backoff(Backoff::none()).build().unwrap();
    for _ in 0..1000 {
        call_built(policy.clone(), &inner).await.unwrap_err();
    }
    assert_eq!(inner.calls(), 1000 + 200 + 20);
}

/// [S14] The window is 10 s: in a long outage at 100 calls a second, 20 % and 2 a second are retried.
#[tokio::test(start_paused = true)]
async fn default_window() {
    let inner = failing(100_000);
    let policy = Policy::exponential().backoff(Backoff::none()).build().unwrap();
    for _ in 0..100 * 100 {
        call_built(policy.clone(), &inner).await.unwrap_err();
        advance(MS * 10).await;
    }
    // 22 a second, and a window of reserve at the start.
    let retries = inner.calls() - 10_000;
    assert!((2_150..=2_240).contains(&retries), "{retries}");
}

/// [S14] A client of few calls is bounded too. At `r` calls a second that all fail, retries stay within
/// `(0.2 · r + 2) · (T + 10 s)`, whatever the number of attempts that the policy allows.
#[tokio::test(start_paused = true)]
async fn the_default_budget_binds_a_client_of_few_calls() {
    for (rate, seconds) in [(1, 300), (5, 120), (10, 120), (50, 60)] {
        let inner = failing(100_000);
        let policy = Policy::exponential().backoff(Backoff::none()).build().unwrap();
        let calls = rate * seconds;
        for _ in 0..calls {
            call_built(policy.clone(), &inner).await.unwrap_err();
            advance(Duration::from_secs(1) / rate).await;
        }
        let retries = inner.calls() - calls;
        let bound = f64::from(seconds + 10) * (0.2 * f64::from(rate) + 2.0);
        assert!(f64::from(retries) <= bound, "{retries} retries of {calls} calls, the bound is {bound}");
        assert!(
            f64::from(retries) >= bound * 0.75 || rate == 1,
            "{retries} of {bound}: it is the budget that binds"
        );
    }
}

/// [S14] Attempts per request in the long run, as the docs state it: 1.4 at 10 calls a second, not 3.2.
#[tokio::test(start_paused = true)]
async fn ten_calls_a_second_at_100_percent_failures() {
    let inner = failing(100_000);
    let policy = Policy::exponential().backoff(Backoff::none()).build().unwrap();
    let mut attempts = Vec::new();
    for _ in 0..60 {
        for _ in 0..10 {
            call_built(policy.clone(), &inner).await.unwrap_err();
            advance(MS * 100).await;
        }
        attempts.push(inner.calls());
    }
    for window in attempts.windows(11) {
        let made = window[10] - window[0];
        // 10 s of 10 calls, and as many retries as the window grants: 20 % of them, and 2 per second. The window moves in
        // steps of a second, so that one more second of retries may fall into ten of the clock.
        assert!(made <= 100 + 20 + 20 + 4, "{made} attempts in 10 s");
    }
    let after_the_first_window = attempts[59] - attempts[9];
    assert!((690..=704).contains(&after_the_first_window), "{after_the_first_window} attempts of 500 calls");
}

/// [S14] A token bucket is not a cap of n %: at a failure rate of 40 % it grants more than 20 % of retries, up to
/// (1 − f) / (cost · f) a call, and no more.
#[tokio::test(start_paused = true)]
async fn a_token_bucket_is_no_share_of_the_calls() {
    const CALLS: u32 = 20_000;
    for (percent, cost) in [(40, 5), (50, 5), (60, 2), (80, 5)] {
        let mut dice = fastrand::Rng::with_seed(7);
        let budget = Budget::tokens(500).retry_cost(cost).build().unwrap();
        let policy = plain().backoff(Backoff::none()).max_attempts(20).budget(budget).build().unwrap();
        let mut attempts = 0_u32;
        for _ in 0..CALLS {
            let _ = policy.blocking().run(|| {
                attempts += 1;
                if dice.u32(0..100) < percent { Err(TestError::from(Kind::Unavailable)) } else { Ok(()) }
            });
        }
        let retries = f64::from(attempts - CALLS) / f64::from(CALLS);
        let f = f64::from(percent) / 100.0;
        let bound = (1.0 - f) / (f64::from(cost) * f);
        // A full bucket pays for 500 / cost failed retries more.
        let full = 500.0 / f64::from(cost) / f / f64::from(CALLS);
        assert!(retries <= bound + full + 0.01, "{retries} a call at {percent} %, the bound is {bound}");
        assert!(retries >= bound * 0.8, "{retries} of {bound} at {percent} %: it is the bucket that binds");
        if percent == 40 {
            assert!(retries > 0.25, "{retries}: more than 20 %");
        }
    }
}

/// [S14] [S16] A spent budget refuses nothing: the call is made, and its real error is the outcome.
#[tokio::test(start_paused = true)]
async fn a_spent_budget_refuses_nothing() {
    let none = || Budget::ratio(0.0).min_per_second(0).build().unwrap();
    let inner = failing(1);
    let (outcome, report) = reported(Context::default(), call(plain().budget(none()), &inner)).await;
    let error = outcome.unwrap_err();
    assert_eq!(
        (error.kind(), inner.calls(), report.stopped),
        (Kind::Unavailable, 1, Some(StopReason::Budget))
    );
    assert!(error.retry_summary().unwrap().exhausted);
    assert_eq!(call(plain().budget(none()), &inner).await.unwrap(), 7);
}

/// [S14] Reserved before the wait, kept when the attempt starts.
#[tokio::test(start_paused = true)]
async fn reserved_before_the_wait() {
    let budget = ten();
    let inner = failing(2);
    let mut waiting = Box::pin(call(plain().budget(budget.clone()), &inner));
    assert!(tokio::time::timeout(MS * 50, &mut waiting).await.is_err());
    assert_eq!((inner.calls(), budget.available()), (1, 9), "reserved for a retry that waits");
    waiting.await.unwrap();
    assert_eq!((inner.calls(), budget.available()), (3, 8), "spent");
}

/// [S14] [S1] Given back if the attempt never starts: dropped while waiting, or while getting ready.
#[tokio::test(start_paused = true)]
async fn given_back_when_dropped_before_the_attempt() {
    for tokens in [false, true] {
        let budget = if tokens { Budget::tokens(10).build().unwrap() } else { ten() };
        let reserved = if tokens { 5 } else { 9 };
        for waited in [50, 120] {
            let inner = failing(9).ready_after(MS * 30);
            let mut waiting = Box::pin(call(plain().budget(budget.clone()), &inner));
            assert!(tokio::time::timeout(MS * (30 + waited), &mut waiting).await.is_err());
            assert_eq!((inner.calls(), budget.available()), (1, reserved));
            drop(waiting);
            assert_eq!(
                (budget.available(), inner.reserved()),
                (10, 0),
                "dropped {waited} ms after the failure"
            );
        }
    }
}

/// [S14] A retry whose slot has left the window is not given back.
#[tokio::test(start_paused = true)]
async fn nothing_comes_back_twice() {
    let budget = ten();
    let late = budget.withdraw(Kind::Unavailable).unwrap();
    advance(Duration::from_secs(10)).await;
    assert_eq!(budget.available(), 10, "forgotten");
    budget.withdraw(Kind::Unavailable).unwrap().spend();
    drop(late);
    assert_eq!(budget.available(), 9, "the slot is another's now");
}

/// [S14] The bucket: a retry costs 5, after a timeout 10, after a throttle 5, of 500.
#[tokio::test(start_paused = true)]
async fn tokens_by_kind() {
    assert_eq!(TokenBudget::default().build().unwrap().available(), 500);
    for (kind, cost) in [(Kind::Unavailable, 5), (Kind::Timeout, 10), (Kind::Throttled, 5)] {
        let budget = Budget::tokens(500).build().unwrap();
        call(plain().budget(budget.clone()), &script(vec![Step::fail(kind); 3])).await.unwrap_err();
        assert_eq!(budget.available(), 500 - 2 * cost, "{kind}");
    }
    let priced = Budget::tokens(100).retry_cost(1).timeout_cost(2).throttle_cost(4).build().unwrap();
    let steps = [Kind::Unavailable, Kind::Timeout, Kind::Throttled, Kind::NotFound].map(Step::fail);
    call(plain().max_attempts(9).budget(priced.clone()), &script(steps)).await.unwrap_err();
    assert_eq!(priced.available(), 100 - 1 - 2 - 4);
}

/// [S14] A success gives back what its last retry cost, a success at the first attempt one token, up to the capacity.
#[tokio::test(start_paused = true)]
async fn tokens_come_back() {
    let budget = Budget::tokens(20).build().unwrap();
    let policy = || plain().budget(budget.clone());
    let steps = [Kind::Timeout, Kind::Unavailable].map(Step::fail);
    call(policy(), &script(steps)).await.unwrap();
    assert_eq!(budget.available(), 20 - 10 - 5 + 5);
    for tokens in [11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 20] {
        call(policy(), &script([])).await.unwrap();
        assert_eq!(budget.available(), tokens);
    }
    call(policy(), &script([Step::fail(Kind::NotFound)])).await.unwrap_err();
    assert_eq!(budget.available(), 20, "a permanent failure costs nothing");
}

/// [S14] One budget is shared by layers, functions and direct withdrawals.
#[tokio::test(start_paused = true)]
async fn shared_by_many() {
    let budget = ten();
    let policy = || plain().budget(budget.clone());
    call(policy(), &failing(3)).await.unwrap_err();
    let built = policy().build().unwrap();
    retry(&built, || async { Err::<(), _>(TestError::from(Kind::Timeout)) }).await.unwrap_err();
    let hedge = budget.withdraw(Kind::Unavailable).unwrap();
    assert_eq!(budget.available(), 10 - 2 - 2 - 1);
    drop(hedge);
    assert_eq!(budget.available(), 6);
}

/// The budget is checked last: a call that stops for another reason takes nothing from it.
#[tokio::test(start_paused = true)]
async fn asked_last() {
    let budget = ten();
    call(plain().max_attempts(1).budget(budget.clone()), &failing(1)).await.unwrap_err();
    let start = Instant::now();
    let late = Context::default().with_deadline(start + MS * 100);
    reported(late, call(plain().budget(budget.clone()), &failing(1))).await.0.unwrap_err();
    call(plain().budget(budget.clone()), &script([Step::fail(Kind::NotFound)])).await.unwrap_err();
    assert_eq!(budget.available(), 10);
}

/// [S14] A bucket never holds more than its capacity: not by what comes back after it has filled again.
#[tokio::test(start_paused = true)]
async fn no_more_tokens_than_the_capacity() {
    let budget = Budget::tokens(20).build().unwrap();
    let reserved = budget.withdraw(Kind::Unavailable).unwrap();
    for tokens in [16, 17, 18] {
        call(plain().budget(budget.clone()), &script([])).await.unwrap();
        assert_eq!(budget.available(), tokens);
    }
    drop(reserved);
    assert_eq!(budget.available(), 20);
}

/// [S14] [S17] A success gives back what the last retry of the policy cost, also if a remedy, which costs nothing, came after it.
#[tokio::test(start_paused = true)]
async fn a_success_after_a_remedy_gives_back() {
    let budget = Budget::tokens(50).build().unwrap();
    let remedy =
        Remedy::run(on(Kind::Unauthenticated), (), |()| async { Ok::<_, Error>(()) }).build().unwrap();
    let inner = script([Step::fail(Kind::Unavailable), Step::fail(Kind::Unauthenticated)]);
    call(plain().budget(budget.clone()).with_remedy(remedy), &inner).await.unwrap();
    assert_eq!((inner.calls(), budget.available()), (3, 50));
}

/// [S14] The bound holds for the highest costs.
#[test]
fn the_highest_prices() {
    let budget = Budget::ratio(0.0).min_per_second(1_000_000_000).retry_cost(3_000_000_000).build().unwrap();
    let granted = (0..100).filter_map(|_| budget.withdraw(Kind::Unavailable)).map(Reservation::spend).count();
    assert_eq!(granted, 3, "10 s");
}

/// [S14] By default each builder that is begun has a budget of its own, which its clones share.
#[test]
fn whose_the_default_is() {
    let builder = Policy::exponential();
    let [first, second] = [builder.clone().build().unwrap(), builder.build().unwrap()];
    let other = Policy::exponential().build().unwrap();
    let spent = |policy: &Policy| policy.budget().unwrap().stats().spent;

    first.budget().unwrap().withdraw(Kind::Unavailable).unwrap().spend();
    assert_eq!([spent(&first), spent(&second), spent(&other)], [1, 1, 0]);
}

/// Every kind of budget counts the retries that began and were refused, over all its clones. A retry that is given back is not
/// counted.
#[tokio::test(start_paused = true)]
async fn counts() {
    for budget in [ten(), Budget::tokens(50).build().unwrap()] {
        let clone = budget.clone();
        let given_back = budget.withdraw(Kind::Unavailable).unwrap();
        drop(given_back);
        assert_eq!((budget.stats().spent, budget.stats().refused), (0, 0));

        let inner = failing(22);
        for _ in 0..4 {
            call(plain().max_attempts(4).budget(budget.clone()), &inner).await.unwrap_err();
        }
        assert_eq!((inner.calls(), clone.stats().spent, clone.stats().refused), (4 + 10, 10, 1));
        assert!(clone.withdraw(Kind::Unavailable).is_none());
        assert_eq!(clone.stats().refused, 2);
    }
}
