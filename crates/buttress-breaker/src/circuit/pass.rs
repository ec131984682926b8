//! `Pass`: what an admitted call carries.

use crate::circuit::time::{NEVER, Nanos};

/// The epoch of no circuit. A call has it if it is admitted only because the circuit is in shadow mode.
pub(crate) const NO_EPOCH: u64 = 0;

/// The epoch in the pass of a call that was settled.
const SETTLED: u64 = u64::MAX;

/// What an admitted call carries, and is settled with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pass {
    epoch: u64,
    /// When the call began, or [`NEVER`] if the clock was not read.
    started: Nanos,
    /// Identifies a probe, or a call whose age is tracked.
    ticket: Option<u32>,
}

impl Pass {
    pub(super) const fn new(epoch: u64, started: Nanos, ticket: Option<u32>) -> Self {
        Self { epoch, started, ticket }
    }

    /// The pass of a call that was admitted without the circuit's lock.
    pub(crate) const fn without_ticket(epoch: u64, started: Nanos) -> Self {
        Self { epoch, started, ticket: None }
    }

    /// Returns the pass, and leaves one that settles nothing.
    pub(crate) const fn take(&mut self) -> Self {
        let pass = *self;
        self.epoch = SETTLED;
        pass
    }

    pub(crate) const fn is_settled(&self) -> bool {
        self.epoch == SETTLED
    }

    pub(super) const fn is_shadowed(&self) -> bool {
        self.epoch == NO_EPOCH
    }

    pub(crate) const fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(crate) const fn started(&self) -> Nanos {
        self.started
    }

    pub(super) const fn ticket(&self) -> Option<u32> {
        self.ticket
    }

    /// Returns `true` if its call holds something that must be released.
    pub(crate) const fn has_ticket(&self) -> bool {
        self.ticket.is_some()
    }

    /// Returns `true` if the beginning of the call is known.
    pub(crate) const fn is_timed(&self) -> bool {
        self.started != NEVER
    }

    pub(crate) const fn set_started(&mut self, at: Nanos) {
        self.started = at;
    }

    /// Returns how long the call has taken; zero if its beginning is not known.
    pub(crate) const fn elapsed(&self, now: Nanos) -> Nanos {
        now.saturating_sub(self.started)
    }
}
