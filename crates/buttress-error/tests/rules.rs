//! The rules of the taxonomy, one to six. (`tests/edge.rs` has seven to nine.)

use std::io;
use std::time::Duration;

use buttress_error::{
    BreakerEffect, ByKind, Class, Classifier, Delivery, Error, Fault, Kind, RetryAdvice, RetrySummary,
    StopReason, Verdict, Violation,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

fn kinds() -> impl Strategy<Value = Kind> {
    select(Kind::ALL.to_vec())
}

fn classes() -> impl Strategy<Value = Class> {
    let other = select(vec![RetryAdvice::Never, RetryAdvice::Operation, RetryAdvice::AfterRemedy]);
    // Mostly repeatable, or no group ever were.
    let retry = prop_oneof![9 => Just(RetryAdvice::Call), 1 => other];
    let delivery = select(vec![Delivery::NotProcessed, Delivery::Unknown, Delivery::Processed]);
    let wait = proptest::option::of((0..100_u64).prop_map(Duration::from_secs));
    (kinds(), retry, delivery, proptest::bool::weighted(0.05), wait).prop_map(
        |(kind, retry, delivery, exhausted, wait)| {
            let class = Class::new(kind).retry(retry).delivery(delivery);
            let class = if exhausted { class.exhausted() } else { class };
            wait.map_or(class, |wait| class.retry_after(wait))
        },
    )
}

/// Rule 1.
#[test]
fn canonical_is_a_code_of_google_rpc_and_the_identity_on_those() {
    for kind in Kind::ALL {
        let canonical = kind.canonical();
        assert!((1..=16).contains(&canonical.number()), "{kind}: {canonical}");
        assert_eq!(canonical.canonical(), canonical, "{kind}");
        assert_eq!(canonical == kind, kind.number() <= 16, "{kind}");
        assert_eq!(kind.grpc(), canonical.number(), "{kind}");
    }
}

/// Rule 2.
#[test]
fn sysexit_75_means_that_running_again_may_help() {
    for kind in Kind::ALL {
        let may_help = [4, 10, 14, 32, 33, 34].contains(&kind.number());
        assert_eq!(kind.sysexit() == 75, may_help, "{kind}");
        // Nothing that this very call, or its operation, may repeat is permanent for the program.
        if matches!(kind.retry(), RetryAdvice::Call | RetryAdvice::Operation) {
            assert!(may_help, "{kind}");
        }
    }
}

/// Rule 3.
#[test]
fn the_callers_fault_is_no_failure_of_the_dependency_and_no_server_error() {
    for kind in Kind::ALL.into_iter().filter(|kind| kind.fault() == Fault::Caller) {
        assert_eq!(kind.breaker(), BreakerEffect::No, "{kind}");
        assert!((400..500).contains(&kind.http()), "{kind}: {}", kind.http());
        for delivery in [Delivery::NotProcessed, Delivery::Unknown, Delivery::Processed] {
            assert!(!Verdict::of(Class::new(kind).delivery(delivery)).is_failure(), "{kind}");
        }
    }
}

/// Rule 4.
#[test]
fn some_kinds_are_never_repeated() {
    for kind in [Kind::Internal, Kind::Panic, Kind::DataLoss, Kind::Config, Kind::InvalidArgument] {
        assert_eq!(kind.retry(), RetryAdvice::Never);
        for delivery in [Delivery::NotProcessed, Delivery::Unknown, Delivery::Processed] {
            assert!(!Class::new(kind).delivery(delivery).is_retryable(true), "{kind}");
        }
    }
}

/// [S12] [S15] whether a call may be repeated follows from retry, delivery and idempotency, unless it is exhausted.
#[test]
fn repeatable_is_a_function_of_three() {
    for retry in [RetryAdvice::Never, RetryAdvice::Call, RetryAdvice::Operation, RetryAdvice::AfterRemedy] {
        for delivery in [Delivery::NotProcessed, Delivery::Unknown, Delivery::Processed] {
            for idempotent in [false, true] {
                for kind in Kind::ALL {
                    let class = Class::new(kind).retry(retry).delivery(delivery);
                    let expected =
                        retry == RetryAdvice::Call && (delivery == Delivery::NotProcessed || idempotent);
                    assert_eq!(class.is_retryable(idempotent), expected, "{class:?} {idempotent}");
                    assert!(!class.exhausted().is_retryable(idempotent), "{class:?} {idempotent}");
                }
            }
        }
    }
}

/// One way to add context to an error.
#[derive(Clone, Debug)]
enum Add {
    Note(String),
    Domain(String),
    Reason,
    RetryAfter(u64),
    Delivered(Delivery),
    CausedBy(Kind),
    CausedByForeign,
    RetrySummary(bool),
    Box,
    Clone,
    Hint,
    Attr,
    Public,
    Violation,
    Context,
    Barrier,
    Dependency,
}

fn additions() -> impl Strategy<Value = Add> {
    prop_oneof![
        ".{0,20}".prop_map(Add::Note),
        "[a-z]{1,9}".prop_map(Add::Domain),
        Just(Add::Reason),
        any::<u64>().prop_map(Add::RetryAfter),
        select(vec![Delivery::NotProcessed, Delivery::Unknown, Delivery::Processed]).prop_map(Add::Delivered),
        kinds().prop_map(Add::CausedBy),
        Just(Add::CausedByForeign),
        any::<bool>().prop_map(Add::RetrySummary),
        Just(Add::Box),
        Just(Add::Clone),
        select(vec![Add::Hint, Add::Attr, Add::Public, Add::Violation]),
        select(vec![Add::Context, Add::Barrier, Add::Dependency]),
    ]
}

fn add(error: Error, addition: Add) -> Error {
    match addition {
        Add::Note(note) => error.note(note),
        Add::Domain(name) => error.with_domain(name),
        Add::Reason => error.reason("BECAUSE"),
        Add::RetryAfter(seconds) => error.retry_after(Duration::from_secs(seconds)),
        Add::Delivered(delivery) => error.delivery(delivery),
        Add::CausedBy(kind) => error.caused_by(Error::new(kind, "a cause")),
        Add::CausedByForeign => error.caused_by(io::Error::from(io::ErrorKind::NotFound)),
        Add::RetrySummary(exhausted) => {
            let mut effort = RetrySummary::new(3, Duration::from_secs(1), StopReason::Attempts);
            effort.exhausted = exhausted;
            let mut outcome: Result<(), Error> = Err(error);
            ByKind.stamp(&mut outcome, &effort);
            outcome.expect_err("it was an error")
        }
        Add::Box => Error::from(buttress_error::BoxError::from(error)),
        Add::Clone => error.clone(),
        Add::Hint => error.hint("try again"),
        Add::Attr => error.attr("amount", 42),
        Add::Public => error.public("for you"),
        Add::Violation => error.violation(Violation::new("field", "wrong")),
        Add::Context => error.context("while testing"),
        Add::Barrier => error.barrier(),
        Add::Dependency => error.of_dependency("db"),
    }
}

proptest! {
    /// Rule 5, its first half.
    #[test]
    fn context_never_changes_the_kind(kind in kinds(), wrapping in any::<bool>(), added in vec(additions(), 0..12)) {
        let error = if wrapping {
            Error::wrap(kind, io::Error::from(io::ErrorKind::ConnectionReset))
        } else {
            Error::new(kind, "it failed")
        };
        let (retry, error) = (error.class().retry, added.into_iter().fold(error, add));
        prop_assert_eq!(error.kind(), kind);
        prop_assert_eq!(error.class().retry, retry);
    }

    /// Rule 5, its second half.
    #[test]
    fn reclassify_leaves_a_trace(from in kinds(), to in kinds(), by_wrap in any::<bool>()) {
        let error = Error::new(from, "it failed").note("first");
        let error = if by_wrap { Error::wrap(to, error) } else { error.reclassify(to) };
        prop_assert_eq!(error.kind(), to);
        let notes: Vec<_> = error.notes().collect();
        prop_assert_eq!(notes, ["first".to_owned(), format!("reclassified from {from} to {to}")]);
    }

    /// Rule 6, the kind.
    #[test]
    fn a_group_has_the_kind_of_its_worst_member(members in vec(classes(), 0..6)) {
        let group = Class::of_group(members.iter().copied());
        let alive = || members.iter().filter(|member| member.kind != Kind::Cancelled);
        let expected = match alive().map(|member| member.kind.level()).max() {
            Some(level) => alive().find(|member| member.kind.level() == level),
            None => members.first(),
        };
        prop_assert_eq!(group.map(|group| group.kind), expected.map(|worst| worst.kind));
        prop_assert_eq!(group.and_then(|group| group.reason), expected.and_then(|worst| worst.reason));
    }

    /// Rule 6, the advice: for this very request, not only by the word `Call`.
    #[test]
    fn a_group_may_be_repeated_exactly_if_all_its_members_may(
        members in vec(classes(), 1..6),
        idempotent in any::<bool>(),
    ) {
        let group = Class::of_group(members.iter().copied()).expect("not empty");
        prop_assert_eq!(group.is_retryable(idempotent), members.iter().all(|member| member.is_retryable(idempotent)));
        prop_assert_eq!(group.retry_after, members.iter().filter_map(|member| member.retry_after).max());
    }
}

/// Rules 6 and 9 together: a group is our own fault if and only if one of its most severe members is a dependency's word against
/// its caller, wherever it stands.
#[test]
fn what_a_dependency_blames_on_us_is_ours_in_any_order() {
    let ours = |kind| Class::new(kind);
    let theirs = |kind| Class::new(kind).dependency();
    let sets = [
        (vec![ours(Kind::NotFound), theirs(Kind::NotFound)], Kind::Internal),
        (vec![ours(Kind::InvalidArgument), theirs(Kind::NotFound), ours(Kind::Cancelled)], Kind::Internal),
        (
            vec![ours(Kind::PermissionDenied), theirs(Kind::PermissionDenied), ours(Kind::NotFound)],
            Kind::Internal,
        ),
        // Those do not decide: one that is not the worst, one that was cancelled, one that does not blame the caller.
        (vec![ours(Kind::PermissionDenied), theirs(Kind::NotFound)], Kind::PermissionDenied),
        (vec![ours(Kind::NotFound), theirs(Kind::Cancelled)], Kind::NotFound),
        (vec![ours(Kind::Unavailable), theirs(Kind::NotFound)], Kind::Unavailable),
        (vec![theirs(Kind::Cancelled), ours(Kind::Cancelled)], Kind::Internal),
    ];
    for (mut members, expected) in sets {
        for _ in 0..members.len() {
            members.rotate_left(1);
            for order in [members.clone(), members.iter().rev().copied().collect()] {
                let group = Class::of_group(order.iter().copied()).expect("not empty");
                assert_eq!(group.at_edge().kind, expected, "{order:?}");
                let pair = |class: Class| Error::new(class, "x");
                let error = Error::from(
                    buttress_error::ErrorGroup::of(order.iter().copied().map(pair)).expect("some"),
                );
                assert_eq!(error.safe().kind(), expected, "{order:?}");
            }
        }
    }
}

proptest! {
    /// The same for any members: whether the caller is blamed for what a dependency blames on us is no matter of order.
    #[test]
    fn no_order_lets_a_dependencys_word_out(members in vec((classes(), any::<bool>()), 1..6), turn in 0..6_usize) {
        let mut members: Vec<_> = members.into_iter().map(|(class, theirs)| if theirs { class.dependency() } else { class }).collect();
        let level = |members: &[Class]| members.iter().map(|class| class.kind.level()).max().expect("not empty");
        let worst = level(&members);
        let blamed = members.iter().any(|class| {
            class.kind.level() == worst && class.dependency && class.kind.fault() == Fault::Caller
        });
        let places = members.len();
        members.rotate_left(turn % places);
        let group = Class::of_group(members).expect("not empty");
        if group.kind.fault() == Fault::Caller {
            prop_assert_eq!(group.at_edge().kind == Kind::Internal, blamed);
        }
    }
}

/// One that may have arrived makes the group unsafe to repeat, though the worst was never sent.
#[test]
fn a_group_is_as_careful_as_its_most_careful_member() {
    let refused = Class::new(Kind::Unavailable).delivery(Delivery::NotProcessed);
    let group = Class::of_group([refused, Class::new(Kind::Timeout)]).expect("not empty");
    assert_eq!((group.kind, group.delivery), (Kind::Unavailable, Delivery::Unknown));
    assert!(group.is_retryable(true) && !group.is_retryable(false));
}

/// A group of refusals to connect may be retried: the two rules above would also hold if none ever were.
#[test]
fn a_group_of_one_mind_keeps_it() {
    let refused = Class::new(Kind::Unavailable).delivery(Delivery::NotProcessed);
    assert_eq!(Class::of_group([refused; 3]), Some(refused));
    let conflict = Class::new(Kind::Aborted);
    assert_eq!(Class::of_group([conflict; 2]), Some(conflict));
    assert_eq!(Class::of_group([]), None);
}
