//! `Subscription`: state changes for a program that must react to them.

use tokio::sync::watch;

use crate::circuit::state::State;

/// Receives the state of a [`Breaker`](crate::Breaker); made by [`subscribe`](crate::Breaker::subscribe).
///
/// It has the latest state: a change that is followed by another before it is read may be missed. It holds no lock, and does
/// not keep the breaker alive.
#[derive(Clone, Debug)]
pub struct Subscription {
    watch: watch::Receiver<(u64, State)>,
}

impl Subscription {
    pub(crate) const fn new(watch: watch::Receiver<(u64, State)>) -> Self {
        Self { watch }
    }

    /// Returns the latest state.
    #[must_use]
    pub fn state(&self) -> State {
        self.watch.borrow().1
    }

    /// Waits for the next change. Returns none once the last handle of the breaker is dropped.
    ///
    /// # Cancel safety
    /// Nothing is missed by dropping it.
    pub async fn changed(&mut self) -> Option<State> {
        self.watch.changed().await.ok()?;
        Some(self.watch.borrow_and_update().1)
    }
}
