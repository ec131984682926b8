//! `Timer`: made when the work is first pending, in place.

use std::future::Future;
use std::mem;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tokio::task::unconstrained;
use tokio::time::{Sleep, sleep_until};

use crate::allowance::{Allowance, Owner};

pin_project! {
    /// The end of an [`Allowance`]. Work that is ready at its first poll never makes one.
    #[derive(Debug)]
    pub(crate) struct Timer {
        #[pin]
        sleep: Option<Sleep>,
        yielded: bool,
    }
}

impl Timer {
    pub(crate) const fn new() -> Self {
        Self { sleep: None, yielded: false }
    }

    /// Ready once the time is up.
    ///
    /// Where it is not the layer's own time, some layer further out may have set it and have a timer for the same
    /// instant: that one knows the whole call, its limit and its last failure. So it goes first: this one yields once.
    #[inline]
    pub(crate) fn poll_end(self: Pin<&mut Self>, cx: &mut Context<'_>, allowance: &Allowance) -> Poll<()> {
        let mut this = self.project();
        if *this.yielded {
            return Poll::Ready(());
        }
        if this.sleep.is_none() && !allowance.is_spent() {
            let Some(end) = allowance.end() else { return Poll::Pending };
            this.sleep.set(Some(sleep_until(end)));
        }
        if let Some(sleep) = this.sleep.as_pin_mut() {
            // The work may have used up what tokio lets a task do in one poll, each time: the timer must not starve.
            ready!(pin!(unconstrained(sleep)).poll(cx));
        }
        if allowance.owner() == Owner::Caller && !mem::replace(this.yielded, true) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    }
}
