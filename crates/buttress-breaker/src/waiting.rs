//! Waiting for an admission.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use buttress_context::Context;
use buttress_error::Rejection;
use tokio::time::{Instant, sleep_until};

use crate::admitted::Admitted;
use crate::backpressure::{until_open_to_calls, until_rung};
use crate::state::Refusal;
use crate::{Breaker, Permit};

impl Breaker {
    /// Asks to make a call, and waits while the circuit refuses it: until `deadline` or the deadline of the
    /// [context](Context), whichever is earlier.
    ///
    /// It looks again when the wait of the open circuit or the lease of a probe is over, when a probe gives its slot back,
    /// and at each change of state; nothing is polled in between. Who waits for longest is not served first. However many
    /// wait, a half-open circuit admits its probes and no more; once it closes, it admits them all, or with a
    /// [ramp](crate::Builder::ramp) its part of them at each step.
    ///
    /// ```
    /// use buttress_breaker::Breaker;
    /// use buttress_error::{Kind, Rejection};
    /// use tokio::time::{Duration, Instant};
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Rejection> {
    /// let gateway = Breaker::new("gateway");
    /// for _ in 0..5 {
    ///     gateway.admit()?.failure(Kind::Unavailable);
    /// }
    /// assert!(gateway.wait_until_admitted(Instant::now() + Duration::from_secs(1)).await.is_err());
    /// let probe = gateway.wait_until_admitted(Instant::now() + Duration::from_secs(10)).await?;
    /// assert!(gateway.state().is_half_open());
    /// probe.success();
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Rejection`] as [`admit`](Self::admit) would give it at the deadline. The refusals until then are neither counted
    /// nor told.
    ///
    /// # Cancel safety
    /// Dropped while it waits, it has taken nothing.
    pub async fn wait_until_admitted(&self, deadline: Instant) -> Result<Permit, Rejection> {
        let own = Context::read(|cx| cx.deadline().instant());
        let mut late = pin!(sleep_until(own.map_or(deadline, |own| own.min(deadline))));
        loop {
            let held_back = match self.try_admit() {
                Ok(permit) => return Ok(permit),
                Err(held_back) => held_back,
            };
            let mut open = pin!(async {
                match held_back {
                    // Asking again at once would beat the ramp.
                    Some(rest) => until_rung(self, rest).await,
                    None => until_open_to_calls(self.clone()).await,
                }
            });
            let is_late = poll_fn(|cx| match open.as_mut().poll(cx) {
                Poll::Ready(()) => Poll::Ready(false),
                Poll::Pending => late.as_mut().poll(cx).map(|()| true),
            });
            if is_late.await {
                return self.admit();
            }
        }
    }

    /// As [`admit`](Self::admit), but nobody hears of a refusal. If a ramp holds the call back: for how long.
    fn try_admit(&self) -> Result<Permit, Option<Duration>> {
        let pass = self.pass_if_open().map_or_else(|| self.inquire(), Ok).map_err(|(refusal, now)| {
            let held_back = matches!(refusal, Refusal::Ramping { .. });
            refusal.rest(now).filter(|_| held_back).map(Duration::from_nanos)
        })?;
        Ok(Permit::new(Admitted::new(self.clone(), pass)))
    }
}
