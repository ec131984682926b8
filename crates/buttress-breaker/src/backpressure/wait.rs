//! The wait for a circuit that refuses calls.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use tokio::sync::futures::Notified;
use tokio::time::{Sleep, sleep};

use crate::Breaker;

/// Waits until a call might pass. It takes nothing: somebody else may be faster.
///
/// # Cancel safety
/// Nothing is lost by dropping it.
pub(crate) async fn until_open_to_calls(breaker: Breaker) {
    loop {
        let mut rung = pin!(breaker.turnstile().notified());
        // Before the circuit is asked: no ring after that is missed.
        rung.as_mut().enable();
        let Some(rest) = rest(&breaker) else { return };
        either(rung, sleep(rest)).await;
    }
}

/// Waits for `time`, or until something happens to the circuit. It takes nothing.
pub(crate) async fn until_rung(breaker: &Breaker, time: Duration) {
    either(pin!(breaker.turnstile().notified()), sleep(time)).await;
}

async fn either(mut rung: Pin<&mut Notified<'_>>, over: Sleep) {
    let mut over = pin!(over);
    poll_fn(|cx| match rung.as_mut().poll(cx) {
        Poll::Ready(()) => Poll::Ready(()),
        Poll::Pending => over.as_mut().poll(cx),
    })
    .await;
}

/// How long calls are still refused, if nothing happens; none if they aren't.
fn rest(breaker: &Breaker) -> Option<Duration> {
    let now = breaker.now();
    let refusal = breaker.lock().refusal(now);
    refusal.map(|refusal| refusal.rest(now).map_or(Duration::MAX, Duration::from_nanos))
}
