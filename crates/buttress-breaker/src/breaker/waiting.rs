//! Waiting for an admission.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use buttress_context::Context;
use buttress_error::Rejection;
use tokio::time::{Instant, sleep_until};

use crate::breaker::Breaker;
use crate::breaker::admitted::Admitted;
use crate::breaker::permit::Permit;
use crate::breaker::wait::until_open_to_calls;
use crate::circuit::refusal::{Refusal, Refused};

impl Breaker {
    /// Asks to make a call, and waits while the circuit refuses it: until `deadline` or the deadline of the
    /// [context](Context), whichever is earlier.
    ///
    /// It looks again when the wait of the open circuit or the lease of a probe is over, when a probe gives its slot back,
    /// and at each change of state; nothing is polled in between. Who waits for longest is not served first. However many
    /// wait, a half-open circuit admits its probes and no more; once it closes, it admits them all, or with a
    /// [ramp](crate::BreakerBuilder::ramp) its part of them at each step.
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
    /// # Panics
    /// Outside a tokio runtime with time, where it waits at all.
    ///
    /// # Cancel safety
    /// Dropped while it waits, it has taken nothing.
    pub async fn wait_until_admitted(&self, deadline: Instant) -> Result<Permit, Rejection> {
        let own = Context::read(|cx| cx.deadline().instant());
        let deadline = own.map_or(deadline, |own| own.min(deadline));
        loop {
            let (refusal, held_back) = match self.try_admit() {
                Ok(permit) => return Ok(permit),
                Err(refusal) => {
                    let held_back = refusal.held_back();
                    (refusal, held_back)
                }
            };
            let mut open = pin!(until_open_to_calls(self.clone(), held_back));
            let mut late = pin!(sleep_until(deadline));
            let is_late = poll_fn(|cx| match open.as_mut().poll(cx) {
                Poll::Ready(()) => Poll::Ready(false),
                Poll::Pending => late.as_mut().poll(cx).map(|()| true),
            });
            if is_late.await {
                let now = self.now();
                // A ramp has counted this call already.
                let still = held_back.is_some() && self.lock().step_ends(now) == held_back;
                if !still {
                    return self.admit();
                }
                self.refused(&refusal, now);
                return Err(Refused { refusal, at: now }.into());
            }
        }
    }

    /// As [`admit`](Self::admit), but nobody hears of a refusal.
    fn try_admit(&self) -> Result<Permit, Refusal> {
        let pass =
            self.pass_if_open().map_or_else(|| self.inquire().map_err(|refused| refused.refusal), Ok)?;
        Ok(Permit::new(Admitted::new(self.clone(), pass)))
    }
}
