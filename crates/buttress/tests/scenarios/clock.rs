//! Virtual time: each case, and each way through the API, has a clock of its own that begins at zero.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use tokio::runtime;
use tokio::time::{Instant, advance};

use crate::suite::Outcome;

/// Runs `case` to its end on a paused clock.
pub(crate) fn virtual_time<F: Future>(case: F) -> F::Output {
    let runtime = runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime without I/O needs nothing that could be missing").block_on(case)
}

/// The clock of a case.
pub(crate) struct Clock {
    zero: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { zero: Instant::now() }
    }

    /// Moves on to `at_ms`.
    pub(crate) async fn reach(&self, at_ms: u64) -> Outcome {
        let at = Duration::from_millis(at_ms);
        let wait = at
            .checked_sub(self.zero.elapsed())
            .ok_or_else(|| format!("it is later than at_ms: {:?}", self.zero.elapsed()))?;
        pass(wait).await;
        Ok(())
    }
}

pub(crate) async fn pass(wait: Duration) {
    if !wait.is_zero() {
        advance(wait).await;
    }
}

/// The same for code that blocks: the clock moves at once, and nobody else runs.
pub(crate) fn skip(wait: Duration) {
    if !wait.is_zero() {
        let _ = pin!(advance(wait)).poll(&mut Context::from_waker(Waker::noop()));
    }
}
