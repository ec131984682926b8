//! `Timer`: the timer of a call, created when the inner future is first pending.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{self, Poll, ready};
use std::time::Duration;

use buttress_context::{CallerClock, Context, LastPoll};
use pin_project_lite::pin_project;
use tokio::task::coop;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::allowance::{Allowance, Owner, Recount};

pin_project! {
    /// Waits for the end of an [`Allowance`]. A call that is ready at its first poll creates no sleep.
    #[derive(Debug)]
    pub(crate) struct Timer {
        #[pin]
        sleep: Option<Sleep>,
        // That of an attempt is set when its first poll was pending: an answer that is ready at once needs no clock.
        allowance: Option<Allowance>,
        // How often it still yields to an outer timer at the end of a caller's deadline.
        yields: u8,
        // The limit has passed while the caller pauses its request body: each poll counts again.
        stalled: bool,
    }
}

impl Timer {
    /// Creates the timer of an attempt that has not begun.
    pub(crate) const fn new() -> Self {
        Self { sleep: None, allowance: None, yields: 2, stalled: false }
    }

    /// Creates the timer of a call that has begun.
    pub(crate) const fn of(allowance: Allowance) -> Self {
        Self { sleep: None, allowance: Some(allowance), yields: 1, stalled: false }
    }

    /// Is ready when the time of an attempt is up. That time begins with the first poll.
    pub(crate) fn poll_attempt(
        mut self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
        limit: Duration,
    ) -> Poll<Allowance> {
        let allowance = *self
            .as_mut()
            .project()
            .allowance
            .get_or_insert_with(|| Allowance::new(Instant::now(), limit, Context::current_deadline()));
        if self.stalled { Poll::Ready(allowance) } else { self.poll_end(cx) }
    }

    /// Is ready when an attempt whose limit has passed also has used up the time that its caller paused.
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
            // The clock wakes this task when the pause ends.
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

    /// Is ready when the time is up.
    ///
    /// A deadline that this layer did not set may belong to an outer layer with a timer for the same instant. That layer has
    /// the limit of the whole call and its last failure, so its timer goes first: this timer yields once, and the timer of
    /// an attempt twice, since a deadline layer between them may yield too.
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

/// Yields to an outer layer with the same deadline.
fn yield_to_outer(allowance: &Allowance, yields: &mut u8, cx: &task::Context<'_>) -> Poll<()> {
    if allowance.owner() == Owner::Layer {
        return Poll::Ready(());
    }
    if LastPoll::is_current() {
        // The outer layer is about to cut the call.
        return Poll::Pending;
    }
    let Some(left) = yields.checked_sub(1) else { return Poll::Ready(()) };
    *yields = left;
    cx.waker().wake_by_ref();
    Poll::Pending
}

/// Polls `sleep` even if the inner future has used up tokio's cooperative budget, which would starve the timer.
fn poll_always(sleep: Pin<&mut Sleep>, cx: &mut task::Context<'_>) -> Poll<()> {
    if coop::has_budget_remaining() { sleep.poll(cx) } else { pin!(coop::unconstrained(sleep)).poll(cx) }
}
