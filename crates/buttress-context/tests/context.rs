//! The value itself: what a derived context has.

use std::time::Duration;

use buttress_context::{Context, RequestId, Trace, Value};
use proptest::prelude::*;
use tokio::time::{Instant, advance};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn an_empty_context_says_nothing() {
    let cx = Context::current();
    assert!(cx.request_id().is_none() && cx.trace().is_none() && cx.idempotent().is_none());
    assert!(
        cx.deadline().is_none() && cx.deadline().remaining().is_none() && cx.deadline().instant().is_none()
    );
    assert!(!cx.inner_retries_disabled() && cx.max_attempts().is_none());
    assert_eq!((cx.attempt(), cx.fields().len()), (1, 0));
}

/// One attempt is the least that there can be.
#[test]
fn attempts_of_one_call() {
    for (said, meant) in [(0, 1), (1, 1), (2, 2), (u32::MAX, u32::MAX)] {
        let cx = Context::default().with_max_attempts(said);
        assert_eq!(cx.max_attempts().map(std::num::NonZeroU32::get), Some(meant));
    }
}

#[tokio::test(start_paused = true)]
async fn deriving_leaves_the_original() {
    let cx = Context::default().with_field("a", 1);
    let trace = Trace::random();
    let derived = cx
        .clone()
        .with_request_id(RequestId::parse("id").unwrap())
        .with_trace(trace)
        .with_timeout(SECOND)
        .with_attempt(3)
        .with_idempotent(true)
        .with_inner_retries_disabled()
        .with_field("a", 2)
        .with_field("b", 3);
    assert_eq!(derived.request_id().unwrap().to_string(), "id");
    assert_eq!(derived.trace(), Some(&trace));
    assert_eq!(derived.deadline().remaining(), Some(SECOND));
    assert_eq!(
        (derived.attempt(), derived.idempotent(), derived.inner_retries_disabled()),
        (3, Some(true), true)
    );
    assert_eq!(derived.fields().collect::<Vec<_>>(), [("a", &Value::I64(2)), ("b", &Value::I64(3))]);

    assert!(cx.request_id().is_none() && cx.trace().is_none() && cx.deadline().is_none());
    assert_eq!(cx.fields().collect::<Vec<_>>(), [("a", &Value::I64(1))]);
}

/// [S39] each member alone makes a context that is not empty: what asks so may not lose it.
#[tokio::test(start_paused = true)]
async fn each_member_makes_a_context_not_empty() {
    let empty = Context::default;
    assert!(empty().is_empty() && Context::current().is_empty());
    assert!(empty().with_attempt(1).is_empty(), "the first attempt is that of every call");
    assert!(empty().with_timeout(Duration::MAX).is_empty(), "the longest timeout is none");
    let members = [
        ("request id", empty().with_request_id(RequestId::random())),
        ("trace", empty().with_trace(Trace::random())),
        ("ids", empty().with_ids()),
        ("deadline", empty().with_deadline(Instant::now())),
        ("timeout", empty().with_timeout(Duration::from_secs(1))),
        ("attempt", empty().with_attempt(2)),
        ("idempotent", empty().with_idempotent(true)),
        ("not idempotent", empty().with_idempotent(false)),
        ("retries owned", empty().with_inner_retries_disabled()),
        ("max attempts", empty().with_max_attempts(3)),
        ("without retries", empty().without_retries()),
        ("field", empty().with_field("customer", 17)),
        ("extension", empty().with_extension(())),
    ];
    for (member, context) in members {
        assert!(!context.is_empty(), "{member}");
        assert!(!context.run(|| Context::read(Context::is_empty)), "{member}, read");
    }
}

/// [S36] of two fields of one name the inner one wins, in the place of the outer one.
#[test]
fn the_inner_field_wins() {
    let outer = Context::default().with_field("customer", 17).with_field("shop", "north");
    outer.run(|| {
        let inner = Context::current().with_field("customer", "nobody").with_field("order", 42_u64);
        let fields = inner.run(|| {
            Context::read(|cx| cx.fields().map(|(name, value)| (name, value.clone())).collect::<Vec<_>>())
        });
        let expected =
            [("customer", Value::from("nobody")), ("shop", Value::from("north")), ("order", Value::U64(42))];
        assert_eq!(fields, expected);
        assert_eq!(Context::read(|cx| cx.fields().len()), 2);
    });
}

#[test]
fn values_keep_their_type() {
    assert_eq!(Value::from(-1_i8), Value::I64(-1));
    assert_eq!(Value::from(u64::MAX), Value::U64(u64::MAX));
    assert_eq!(Value::from(0.5_f32), Value::F64(0.5));
    assert_eq!(Value::from(true), Value::Bool(true));
    assert_eq!(Value::from(String::from("x")), Value::Str("x".into()));
}

/// [S28] [S41] a deadline is inherited, and only ever shortened.
#[tokio::test(start_paused = true)]
async fn a_deadline_only_shrinks() {
    let cx = Context::default().with_timeout(5 * SECOND);
    assert_eq!(cx.clone().with_timeout(9 * SECOND).deadline(), cx.deadline());
    assert_eq!(cx.clone().with_timeout(2 * SECOND).deadline().remaining(), Some(2 * SECOND));
    advance(4 * SECOND).await;
    assert_eq!(cx.clone().with_timeout(2 * SECOND).deadline().remaining(), Some(SECOND));
    let inherited = cx.clone().scope(async { Context::current().with_timeout(60 * SECOND).deadline() }).await;
    assert_eq!(inherited, cx.deadline());
    advance(60 * SECOND).await;
    assert_eq!(cx.deadline().remaining(), Some(Duration::ZERO));
}

/// [S5] time saturates: the longest timeout means "never" and takes no deadline away.
#[tokio::test(start_paused = true)]
async fn the_longest_timeout_is_none() {
    assert!(Context::default().with_timeout(Duration::MAX).deadline().is_none());
    let cx = Context::default().with_timeout(SECOND).with_timeout(Duration::MAX);
    assert_eq!(cx.deadline().remaining(), Some(SECOND));
    assert_eq!(Context::default().with_timeout(Duration::ZERO).deadline().instant(), Some(Instant::now()));
}

#[test]
fn attempts_count_from_one_and_saturate() {
    for (given, attempt) in [(0, 1), (1, 1), (2, 2), (u32::MAX, u32::MAX)] {
        assert_eq!(Context::default().with_attempt(given).attempt(), attempt);
    }
}

proptest! {
    /// [S28] in whatever order limits come, the earliest holds.
    #[test]
    fn the_earliest_deadline_holds(limits in proptest::collection::vec(0_u64..1_000_000, 1..8)) {
        let now = Instant::now();
        let at = |ms: &u64| now + Duration::from_millis(*ms);
        let cx = limits.iter().fold(Context::default(), |cx, ms| cx.with_deadline(at(ms)));
        prop_assert_eq!(cx.deadline().instant(), limits.iter().min().map(at));
    }
}
