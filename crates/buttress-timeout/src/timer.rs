//! `Timer`: made when the work is first pending, in place.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::LazyLock;
use std::task::{self, Poll, ready};
use std::time::Duration;

use buttress_context::{CallerClock, Context, LastPoll};
use pin_project_lite::pin_project;
use tokio::task::coop;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::allowance::{Allowance, Owner, Recount};

pin_project! {
    /// The end of an [`Allowance`]. Work that is ready at its first poll never makes one.
    #[derive(Debug)]
    pub(crate) struct Timer {
        #[pin]
        sleep: Option<Sleep>,
        // An attempt's is known once its work was pending: an answer that is ready at once needs no clock.
        allowance: Option<Allowance>,
        // How many polls it still lets pass at the end of a caller's time.
        yields: u8,
        // The time is up but for that of the caller, whose gap lasts: each poll has to count anew.
        stalled: bool,
    }
}

impl Timer {
    /// Of an attempt that has not begun.
    pub(crate) const fn new() -> Self {
        Self { sleep: None, allowance: None, yields: 2, stalled: false }
    }

    /// Of a call that has begun.
    pub(crate) const fn of(allowance: Allowance) -> Self {
        Self { sleep: None, allowance: Some(allowance), yields: 1, stalled: false }
    }

    /// Ready once the time of an attempt is up; it begins with the first poll.
    #[inline(never)]
    pub(crate) fn poll_attempt(
        mut self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
        limit: Duration,
    ) -> Poll<Allowance> {
        if self.allowance.is_none() {
            self.as_mut().begin(limit);
        }
        match self.allowance {
            Some(allowance) if self.stalled => Poll::Ready(allowance),
            _ => self.poll_end(cx),
        }
    }

    /// Ready once the time of an attempt, which seemed to be up, is up without that of its caller.
    #[cold]
    pub(crate) fn poll_recount(
        self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
        first: Allowance,
        limit: Duration,
        clock: &CallerClock,
    ) -> Poll<Recount> {
        let mut this = self.project();
        let inherited = Context::current_deadline();
        loop {
            // It wakes this task when a gap ends.
            let caller = clock.watch(cx.waker());
            let recount = first.recount(Instant::now(), limit, &caller, inherited);
            *this.stalled = matches!(recount, Recount::Stalled(_));
            let allowance = recount.allowance();
            let Some(end) = allowance.end() else { return Poll::Pending };
            match this.sleep.as_mut().as_pin_mut() {
                Some(mut sleep) if end > Instant::now() => {
                    sleep.as_mut().reset(end);
                    ready!(poll_always(sleep, cx));
                }
                _ => {
                    ready!(yield_to_outer(&allowance, this.yields, cx));
                    return Poll::Ready(recount);
                }
            }
        }
    }

    /// The sleep is made before the clock is read, then put in place and told its end. What has just been written part by
    /// part cannot be moved as a whole at once: the processor would wait, and all that the sleep is used for with it.
    #[inline]
    fn begin(self: Pin<&mut Self>, limit: Duration) {
        /// Any one.
        static INSTANT: LazyLock<Instant> = LazyLock::new(Instant::now);
        let mut this = self.project();
        // Others need a sleep only where the call has a deadline, and get it later.
        let sleep = (!limit.is_zero() && limit < Duration::MAX).then(|| sleep_until(*INSTANT));
        let allowance = Allowance::new(Instant::now(), limit, Context::current_deadline());
        if let Some(end) = allowance.end()
            && !allowance.is_spent()
            && this.sleep.is_none()
        {
            this.sleep.set(sleep);
            if let Some(sleep) = this.sleep.as_mut().as_pin_mut() {
                sleep.reset(end);
            }
        }
        *this.allowance = Some(allowance);
    }

    /// Ready once the time is up.
    ///
    /// Where it is not the layer's own time, an outer layer may have set it and have a timer for the same instant: that one
    /// knows the whole call, its limit and its last failure. So the outer one goes first: this one yields once, and the
    /// timer of an attempt twice, since a deadline layer between them may yield as well.
    #[inline]
    pub(crate) fn poll_end(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Allowance> {
        let mut this = self.project();
        let Some(allowance) = this.allowance else { return Poll::Pending };
        if *this.yields == 0 {
            return yield_to_outer(allowance, this.yields, cx).map(|()| *allowance);
        }
        if this.sleep.is_none() && !allowance.is_spent() {
            let Some(end) = allowance.end() else { return Poll::Pending };
            this.sleep.set(Some(sleep_until(end)));
        }
        if let Some(sleep) = this.sleep.as_pin_mut() {
            ready!(poll_always(sleep, cx));
        }
        ready!(yield_to_outer(allowance, this.yields, cx));
        Poll::Ready(*allowance)
    }
}

/// Lets an outer layer with the same limit go first.
#[inline]
fn yield_to_outer(allowance: &Allowance, yields: &mut u8, cx: &task::Context<'_>) -> Poll<()> {
    if allowance.owner() == Owner::Layer {
        return Poll::Ready(());
    }
    if LastPoll::is_current() {
        // That layer is about to cut the call.
        return Poll::Pending;
    }
    let Some(left) = yields.checked_sub(1) else { return Poll::Ready(()) };
    *yields = left;
    cx.waker().wake_by_ref();
    Poll::Pending
}

/// The work may have used up what tokio lets a task do in one poll, each time: the timer must not starve.
#[inline]
fn poll_always(sleep: Pin<&mut Sleep>, cx: &mut task::Context<'_>) -> Poll<()> {
    if coop::has_budget_remaining() { sleep.poll(cx) } else { pin!(coop::unconstrained(sleep)).poll(cx) }
}
