//! How to wait for a circuit that refuses calls.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::time::sleep;

use crate::breaker::Breaker;
use crate::circuit::time::Nanos;

/// Waits until a call may be admitted. It reserves nothing: another caller may be faster. A caller that a ramp has refused until
/// the end of a step (`ramp_step_ends`) waits for that, or for the end of the ramp. By retrying at once, it would get more than
/// its share.
///
/// # Cancel safety
/// Dropping it loses nothing.
pub(crate) async fn until_admission_possible(breaker: Breaker, ramp_step_ends: Option<Nanos>) {
    loop {
        let mut notified = pin!(breaker.admission_possible().notified());
        // Before the circuit is read, so that no notification after that is missed.
        notified.as_mut().enable();
        let Some(remaining) = remaining(&breaker, ramp_step_ends) else { return };
        let mut over = pin!(sleep(remaining));
        poll_fn(|cx| match notified.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(()),
            Poll::Pending => over.as_mut().poll(cx),
        })
        .await;
    }
}

/// Returns how long calls are still refused if nothing happens; none if they are not.
fn remaining(breaker: &Breaker, ramp_step_ends: Option<Nanos>) -> Option<Duration> {
    let now = breaker.now();
    let circuit = breaker.lock();
    if let Some(refusal) = circuit.refusal(now) {
        return Some(refusal.remaining(now).map_or(Duration::MAX, Duration::from_nanos));
    }
    let ends = ramp_step_ends.filter(|_| circuit.ramp_step_ends(now) == ramp_step_ends)?;
    Some(Duration::from_nanos(ends.saturating_sub(now)))
}
