//! A budget for each call, which bounds nothing, is reported. Alone in its program: the warning comes once.

mod kit;

use buttress_error::Kind;
use buttress_retry::{Backoff, Budget, Policy, retry};
use buttress_test::TestError;
use kit::capture;

async fn fail(policy: &Policy) {
    let _ = retry(policy, || async { Err::<(), _>(TestError::from(Kind::Unavailable)) }).await;
}

fn policy() -> Policy {
    Policy::exponential().backoff(Backoff::none()).build().expect("good settings")
}

/// [S14] A policy that is built for each call causes one warning. One that is built once causes none; nor do
/// budgets of tokens, calls that succeed, and policies that are never used.
#[tokio::test(start_paused = true)]
async fn a_policy_for_each_call_is_reported_once() {
    let (capture, events) = capture();
    let _default = tracing::subscriber::set_default(capture);
    let warnings = || {
        let events = events.lock().expect("no panic under it");
        events.iter().filter(|event| event["event"] == "retry.budget_of_one_call").count()
    };
    let once = policy();
    let tokens = Budget::tokens(500);
    for _ in 0..100 {
        fail(&once).await;
        fail(&once.clone()).await;
        fail(&Policy::exponential().budget(tokens.build().expect("good settings")).build().expect("good"))
            .await;
        retry(&policy(), || async { Ok::<_, TestError>(()) }).await.expect("it succeeds");
        drop(policy());
    }
    drop(once);
    assert_eq!(warnings(), 0);
    for calls in 1..=100 {
        fail(&policy()).await;
        assert_eq!(warnings(), usize::from(calls >= 20), "{calls} calls");
    }
}
