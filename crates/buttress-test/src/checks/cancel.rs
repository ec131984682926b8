//! Cancelled calls.

use std::task::Poll;

use super::{Subject, call, make_ready};
use crate::drive::Driver;
use crate::{Step, Strict};

const WAITS: u32 = 3;

/// Drops a call after 0, 1, 2 … polls, until one gets to its end.
pub(crate) async fn at_every_poll<S: Subject>(layer: &impl Fn(Strict) -> S, at_rest: &impl Fn()) {
    for polls in 0.. {
        let inner = Strict::new().then(Step::ok().waits(WAITS));
        let finished = dropped_after(polls, layer(inner.clone())).await;
        assert_eq!(inner.alive(), 0, "dropped after {polls} polls: the inner future is still alive");
        assert_eq!(inner.reserved(), 0, "dropped after {polls} polls: an inner instance is still reserved");
        at_rest();
        call::answers(layer, "after a cancelled call").await;
        if finished {
            break;
        }
    }
}

async fn dropped_after<S: Subject>(polls: u32, mut service: S) -> bool {
    make_ready(&mut service).await;
    let mut future = Box::pin(service.call(7));
    let mut driver = Driver::new();
    while driver.polls() < polls {
        if driver.polls() > 0 {
            driver.woken().await;
        }
        if let Poll::Ready(answer) = driver.poll(|cx| future.as_mut().poll(cx)) {
            assert_eq!(answer.ok(), Some(7));
            return true;
        }
    }
    false
}
