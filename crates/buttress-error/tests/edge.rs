//! The rules of the taxonomy, seven to nine: errors at the edge of the program.

use std::time::Duration;

use buttress_error::{
    BreakerEffect, Class, Delivery, Error, ExitProfile, Fault, Handled, Kind, Level, RetryAdvice,
    TranslateLayer, Verdict, WireError,
};
use proptest::prelude::*;
use proptest::sample::select;
use tower::{Layer, ServiceExt, service_fn};

fn classes() -> impl Strategy<Value = Class> {
    let retry =
        select(vec![RetryAdvice::Never, RetryAdvice::Call, RetryAdvice::Operation, RetryAdvice::AfterRemedy]);
    let delivery = select(vec![Delivery::NotProcessed, Delivery::Unknown, Delivery::Processed]);
    let wait = proptest::option::of((0..100_u64).prop_map(Duration::from_secs));
    let reason = proptest::option::of(Just("BECAUSE"));
    (select(Kind::ALL.to_vec()), retry, delivery, any::<bool>(), wait, reason, any::<bool>()).prop_map(
        |(kind, retry, delivery, exhausted, wait, reason, dependency)| {
            let mut class = Class::new(kind).retry(retry).delivery(delivery).http(418).exit(9);
            (class.exhausted, class.retry_after, class.reason) = (exhausted, wait, reason);
            class.dependency = dependency;
            class
        },
    )
}

fn handled() -> impl Strategy<Value = Handled> {
    select(vec![Handled::Yes, Handled::No])
}

proptest! {
    /// Rule 7: the advice is sent in three cases only.
    #[test]
    fn advice_is_sent_only_where_the_server_knows_better(class in classes(), handled in handled()) {
        let (edge, sent) = (class.at_edge(), class.to_wire(handled));
        let refused = handled == Handled::No && edge.delivery == Delivery::NotProcessed;
        let expected = match (edge.exhausted, refused || edge.retry_after.is_some()) {
            (true, _) => Some(RetryAdvice::Never),
            (false, true) => Some(edge.retry),
            (false, false) => None,
        };
        prop_assert_eq!(sent.retry, expected);
        prop_assert_eq!(sent.delivery, if refused { Delivery::NotProcessed } else { Delivery::Unknown });
        prop_assert_eq!(sent.retry_after, edge.retry_after);
    }

    /// Rule 8: the client receives kind, reason and the advice of rule 7, over any number of hops.
    #[test]
    fn what_is_sent_arrives(class in classes(), handled in handled()) {
        let (edge, sent) = (class.at_edge(), class.to_wire(handled));
        let received = sent.to_class();
        prop_assert_eq!((received.kind, received.reason), (edge.kind.on_wire(), edge.reason));
        prop_assert_eq!(received.retry_after, edge.retry_after);
        match sent.retry {
            Some(RetryAdvice::Never) => prop_assert_eq!(received.retry, RetryAdvice::Never),
            Some(retry) => prop_assert!(received.retry == retry || received.retry == received.kind.retry()),
            None => prop_assert_eq!(received.retry, received.kind.retry()),
        }
        prop_assert_eq!(received.delivery == Delivery::NotProcessed, sent.delivery == Delivery::NotProcessed);
        // As the code that decodes it builds it.
        let mut decoded = WireError::new(sent.kind);
        (decoded.reason, decoded.retry) = (sent.reason, sent.retry);
        (decoded.delivery, decoded.retry_after) = (sent.delivery, sent.retry_after);
        prop_assert_eq!(decoded.to_class(), received);
    }

    /// Rule 4 holds for received errors, whatever the peer sends.
    #[test]
    fn nothing_that_arrives_makes_a_bug_repeatable(class in classes(), handled in handled()) {
        let received = class.to_wire(handled).to_class();
        let never = [Kind::Internal, Kind::Panic, Kind::DataLoss, Kind::Config, Kind::InvalidArgument];
        prop_assert!(!never.contains(&received.kind) || !received.is_retryable(true));
        // [S15] nor an exhausted error, across the wire.
        prop_assert!(!class.exhausted || !received.is_retryable(true));
    }

    /// Rule 9: an error that a dependency blames on its caller is our own fault; any other class stays the same.
    #[test]
    fn a_dependencys_callers_fault_is_ours(class in classes()) {
        let edge = class.at_edge();
        if class.dependency && class.kind.fault() == Fault::Caller {
            let mut internal = Class::new(Kind::Internal);
            internal.exhausted = class.exhausted;
            prop_assert_eq!(edge, internal);
            prop_assert_eq!((edge.kind.http(), edge.kind.level()), (500, Level::Error));
            prop_assert_eq!(ExitProfile::Unix.code(class), 1);
            prop_assert_eq!(ExitProfile::Sysexits.code(class), 70);
        } else {
            prop_assert_eq!(edge, class);
        }
        prop_assert_eq!(edge.at_edge(), edge);
    }
}

/// Rule 8: three kinds refer to the sender's own process.
#[test]
fn three_kinds_arrive_as_their_canonical_kind() {
    for kind in Kind::ALL {
        let sent = Class::new(kind).to_wire(Handled::Yes);
        let received = sent.to_class();
        let expected = match kind {
            Kind::Rejected => Kind::Unavailable,
            Kind::Config | Kind::Panic => Kind::Internal,
            other => other,
        };
        assert_eq!((sent.kind, received.kind), (expected, expected));
        // Also from a sender that breaks the rule.
        assert_eq!(WireError::new(kind).to_class().kind, expected);
    }
    let shed = Class::new(Kind::Rejected).to_wire(Handled::No).to_class();
    assert_eq!(shed.breaker(), BreakerEffect::Failure, "it counts for the client's breaker");
    assert!(shed.is_retryable(false), "the whole request was refused");
    let inner = Class::new(Kind::Rejected).to_wire(Handled::Yes).to_class();
    assert!(
        !inner.is_retryable(false) && inner.is_retryable(true),
        "a rejection by an inner breaker does not describe this request"
    );
}

/// A circuit at the client that sees only answers which blame the caller can close.
#[test]
fn an_answer_that_arrives_is_an_answer() {
    assert!(Verdict::of(Class::new(Kind::NotFound).to_wire(Handled::Yes).to_class()).is_success());
}

/// Rule 9, through the layer: only the layer sets the mark, not a domain, and reclassifying removes it.
#[tokio::test]
async fn the_translate_layer_marks_and_reclassifying_unmarks() {
    async fn lookup(_: ()) -> Result<(), std::io::Error> {
        Err(std::io::ErrorKind::NotFound.into())
    }
    let error = TranslateLayer::new("db").layer(service_fn(lookup)).oneshot(()).await.unwrap_err();
    assert_eq!((error.kind(), error.domain()), (Kind::NotFound, Some("db")), "readable inside");
    assert_eq!(error.safe().kind(), Kind::Internal);
    assert_eq!(error.clone().note("n").context("c").with_domain("d").safe().kind(), Kind::Internal);

    let ours = Error::new(Kind::NotFound, "no such order").with_domain("db");
    assert_eq!(ours.safe().kind(), Kind::NotFound);
    let judged = error.clone().reclassify(Kind::NotFound);
    assert_eq!((judged.safe().kind(), judged.domain()), (Kind::NotFound, Some("db")));
    let above = Error::new(Kind::NotFound, "no such order").caused_by(error);
    assert_eq!(above.safe().kind(), Kind::NotFound, "a new error is our own judgement");
}

/// Rule 9: the mark goes with the class through a box, a group, and a type that forwards.
#[test]
fn the_mark_travels() {
    let dependency = || Error::new(Kind::NotFound, "no such row").of_dependency("db");
    let boxed = buttress_error::BoxError::from(dependency());
    assert!(buttress_error::classify(&*boxed).dependency);
    assert_eq!(Error::from(boxed).safe().kind(), Kind::Internal);
    let group = buttress_error::ErrorGroup::of([dependency(), dependency()]).expect("not empty");
    assert_eq!(Error::from(group).safe().kind(), Kind::Internal);

    #[derive(Debug, thiserror::Error)]
    #[error("orders")]
    struct Orders(#[source] Error);
    impl buttress_error::Classify for Orders {
        fn class(&self) -> Class {
            *self.0.class()
        }
    }
    assert_eq!(Error::from(Orders(dependency())).safe().kind(), Kind::Internal);
}
