//! Plain calls.

use std::pin::pin;

use buttress_error::Kind;

use super::{Subject, make_ready};
use crate::drive::Driver;
use crate::{Step, Strict};

const WAITS: u32 = 3;

/// A service that was made ready answers.
pub(crate) async fn echoes<S: Subject>(service: &mut S, when: &str) {
    let mut future = pin!(service.call(7));
    let answer = Driver::new().finish(0, |cx| future.as_mut().poll(cx)).await;
    assert_eq!(answer.ok(), Some(7), "{when}");
}

/// A new call succeeds.
pub(crate) async fn answers<S: Subject>(layer: &impl Fn(Strict) -> S, when: &str) {
    let mut service = layer(Strict::new());
    make_ready(&mut service).await;
    echoes(&mut service, when).await;
}

pub(crate) async fn waits_without_a_loop<S: Subject>(layer: &impl Fn(Strict) -> S) {
    let mut service = layer(Strict::new().then(Step::ok().waits(WAITS)));
    make_ready(&mut service).await;
    let mut future = pin!(service.call(7));
    let answer = Driver::new().finish(WAITS, |cx| future.as_mut().poll(cx)).await;
    assert_eq!(answer.ok(), Some(7), "after {WAITS} waits");
}

/// An error that no layer repeats passes as it is.
pub(crate) async fn passes_the_error<S: Subject>(layer: &impl Fn(Strict) -> S, at_rest: &impl Fn()) {
    let mut service = layer(Strict::new().then(Step::fail(Kind::NotFound)));
    make_ready(&mut service).await;
    {
        let mut future = pin!(service.call(7));
        let answer = Driver::new().finish(0, |cx| future.as_mut().poll(cx)).await;
        let kind = answer.expect_err("the inner service failed").kind();
        assert_eq!(kind, Kind::NotFound, "the inner error was changed");
    }
    at_rest();
}
