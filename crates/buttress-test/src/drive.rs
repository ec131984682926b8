//! Polls by hand: counts polls and wakes, and knows a loop from a wait.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use tokio::time::timeout;

/// Nothing in the kit takes so long, in paused time: whoever has not been woken by then never will be.
const FOREVER: Duration = Duration::from_secs(24 * 60 * 60);

/// Polls that one wait may take. One is ideal; a timer of the layer's own may add one.
const POLLS_PER_WAIT: u32 = 3;

/// A waker that remembers, and passes on to the task that drives.
#[derive(Debug, Default)]
struct Bell(Mutex<Rung>);

#[derive(Debug, Default)]
struct Rung {
    rung: bool,
    task: Option<Waker>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.rung = true;
        let task = state.task.take();
        drop(state);
        if let Some(task) = task {
            task.wake();
        }
    }
}

/// Drives something pollable, one poll at a time.
#[derive(Debug)]
pub(crate) struct Driver {
    bell: Arc<Bell>,
    polls: u32,
}

impl Driver {
    pub(crate) fn new() -> Self {
        Self { bell: Arc::default(), polls: 0 }
    }

    /// Polls so far.
    pub(crate) const fn polls(&self) -> u32 {
        self.polls
    }

    /// Polls once.
    pub(crate) fn poll<T>(&mut self, poll: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
        self.polls += 1;
        let waker = Waker::from(Arc::clone(&self.bell));
        poll(&mut Context::from_waker(&waker))
    }

    /// Waits until the last poll's waker was called.
    pub(crate) async fn woken(&self) {
        let rung = poll_fn(|cx| {
            let mut state = self.bell.0.lock().unwrap_or_else(PoisonError::into_inner);
            if std::mem::take(&mut state.rung) {
                return Poll::Ready(());
            }
            state.task = Some(cx.waker().clone());
            Poll::Pending
        });
        if timeout(FOREVER, rung).await.is_err() {
            panic!("never woken: pending without a registered waker");
        }
    }

    /// Polls whenever woken, until ready; fails where that takes more polls than `waits` explain.
    pub(crate) async fn finish<T>(
        &mut self,
        waits: u32,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> T {
        let most = self.polls + (waits + 1) * POLLS_PER_WAIT;
        loop {
            if let Poll::Ready(value) = self.poll(&mut poll) {
                return value;
            }
            assert!(self.polls < most, "busy loop: {} polls for {waits} waits", self.polls);
            self.woken().await;
        }
    }
}
