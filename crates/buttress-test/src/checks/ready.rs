//! Readiness.

use buttress_error::Kind;

use super::{Subject, call, make_ready};
use crate::drive::Driver;
use crate::{HOLD, Strict};

pub(crate) async fn uses_the_ready_instance<S: Subject>(layer: &impl Fn(Strict) -> S) {
    let mut service = layer(Strict::new());
    for round in 0..3 {
        make_ready(&mut service).await;
        call::echoes(&mut service, &format!("call {round} of one instance")).await;
    }
}

pub(crate) async fn clones_are_not_ready<S: Subject>(layer: &impl Fn(Strict) -> S) {
    let mut original = layer(Strict::new());
    make_ready(&mut original).await;
    let mut clone = original.clone();
    make_ready(&mut clone).await;
    call::echoes(&mut clone, "clone of a ready service").await;
    call::echoes(&mut original, "ready service that was cloned").await;
}

pub(crate) async fn layers_again<S: Subject>(layer: &impl Fn(Strict) -> S) {
    let (mut one, mut two) = (layer(Strict::new()), layer(Strict::new()));
    make_ready(&mut one).await;
    make_ready(&mut two).await;
    call::echoes(&mut one, "first of two layered services").await;
    call::echoes(&mut two, "second of two layered services").await;
}

pub(crate) async fn waits_without_a_loop<S: Subject>(layer: &impl Fn(Strict) -> S) {
    let mut service = layer(Strict::new().ready_after(HOLD));
    let ready = Driver::new().finish(1, |cx| service.poll_ready(cx)).await;
    assert!(ready.is_ok(), "the inner service became ready: {ready:?}");
    call::echoes(&mut service, "after a wait for readiness").await;
}

pub(crate) async fn passes_the_error<S: Subject>(layer: &impl Fn(Strict) -> S) {
    let mut service = layer(Strict::new().ready_fails(Kind::DataLoss));
    let ready = Driver::new().finish(0, |cx| service.poll_ready(cx)).await;
    let kind = ready.expect_err("the inner service's poll_ready failed").kind();
    assert_eq!(kind, Kind::DataLoss, "the error of poll_ready was changed");
}

pub(crate) async fn gives_back_unused<S: Subject>(layer: &impl Fn(Strict) -> S, at_rest: &impl Fn()) {
    let inner = Strict::new();
    let mut service = layer(inner.clone());
    make_ready(&mut service).await;
    drop(service);
    assert_eq!(inner.reserved(), 0, "dropped unused, the service keeps the inner readiness");
    at_rest();
}
