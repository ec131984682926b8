//! The wait for a circuit that refuses calls.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::time::sleep;

use crate::breaker::Breaker;
use crate::circuit::time::Nanos;

/// Waits until a call might pass. It takes nothing: somebody else may be faster. Whom a ramp has held back until the end of
/// a step waits for that, or for the end of the ramp: asking again and again would beat it.
///
/// # Cancel safety
/// Nothing is lost by dropping it.
pub(crate) async fn until_open_to_calls(breaker: Breaker, held_back: Option<Nanos>) {
    loop {
        let mut rung = pin!(breaker.turnstile().notified());
        // Before the circuit is asked: no ring after that is missed.
        rung.as_mut().enable();
        let Some(rest) = rest(&breaker, held_back) else { return };
        let mut over = pin!(sleep(rest));
        poll_fn(|cx| match rung.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(()),
            Poll::Pending => over.as_mut().poll(cx),
        })
        .await;
    }
}

/// How long calls are still refused, if nothing happens; none if they aren't.
fn rest(breaker: &Breaker, held_back: Option<Nanos>) -> Option<Duration> {
    let now = breaker.now();
    let circuit = breaker.lock();
    if let Some(refusal) = circuit.refusal(now) {
        return Some(refusal.rest(now).map_or(Duration::MAX, Duration::from_nanos));
    }
    let held_back = held_back.filter(|_| circuit.step_ends(now) == held_back)?;
    Some(Duration::from_nanos(held_back.saturating_sub(now)))
}
