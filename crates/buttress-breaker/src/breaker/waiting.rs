//! `Breaker::wait_until_admitted`.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use buttress_context::Context;
use buttress_error::Rejection;
use tokio::time::{Instant, sleep_until};

use crate::breaker::Breaker;
use crate::breaker::call::CallGuard;
use crate::breaker::permit::Permit;
use crate::breaker::wait::until_admission_possible;
use crate::circuit::pass::Pass;
use crate::circuit::refusal::{Refusal, Refused};

impl Breaker {
    /// Asks for admission of a call, and waits while the circuit refuses it, until `deadline` or the deadline of the
    /// [context](Context), whichever is earlier.
    ///
    /// It asks again when the wait of the open circuit or the timeout of a probe is over, when a probe releases its slot, and at
    /// each state change. It polls nothing in between. Waiters are not served in FIFO order. A half-open circuit admits no more
    /// than its probes, however many callers wait. Once it closes, it admits all waiters, or with a
    /// [ramp](crate::BreakerBuilder::ramp) the share of each step.
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
    /// [`Rejection`] as [`admit`](Self::admit) returns it at the deadline. The refusals until then are neither counted nor
    /// reported.
    ///
    /// # Panics
    /// If it has to wait outside a tokio runtime with time enabled.
    ///
    /// # Cancel safety
    /// It reserves nothing while it waits.
    pub async fn wait_until_admitted(&self, deadline: Instant) -> Result<Permit, Rejection> {
        let own = Context::read(|cx| cx.deadline().instant());
        let deadline = own.map_or(deadline, |own| own.min(deadline));
        loop {
            let refusal = match self.begin_unreported() {
                Ok(pass) => return Ok(Permit::new(CallGuard::new(self.clone(), pass))),
                Err(refusal) => refusal,
            };
            let step_ends = refusal.ramp_step_ends();
            let mut possible = pin!(until_admission_possible(self.clone(), step_ends));
            let mut late = pin!(sleep_until(deadline));
            let is_late = poll_fn(|cx| match possible.as_mut().poll(cx) {
                Poll::Ready(()) => Poll::Ready(false),
                Poll::Pending => late.as_mut().poll(cx).map(|()| true),
            });
            if is_late.await {
                let now = self.now();
                // The ramp has counted this call already, so it must not be asked again.
                let same_step = step_ends.is_some() && self.lock().ramp_step_ends(now) == step_ends;
                if !same_step {
                    return self.admit();
                }
                self.count_refused(&refusal, now);
                return Err(Refused { refusal, at: now }.into());
            }
        }
    }

    /// As [`begin_droppable`](Self::begin_droppable), but does not count or report a refusal.
    fn begin_unreported(&self) -> Result<Pass, Refusal> {
        self.begin_droppable_fast()
            .map_or_else(|| self.request_admission().map_err(|refused| refused.refusal), Ok)
    }
}
