//! The wait for a circuit that refuses calls.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::time::sleep;

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
        let mut over = pin!(sleep(rest));
        poll_fn(|cx| match rung.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(()),
            Poll::Pending => over.as_mut().poll(cx),
        })
        .await;
    }
}

/// How long calls are still refused, if nothing happens; none if they aren't.
fn rest(breaker: &Breaker) -> Option<Duration> {
    let now = breaker.now();
    let refusal = breaker.lock().refusal(now);
    refusal.map(|refusal| refusal.rest(now).map_or(Duration::MAX, Duration::from_nanos))
}
