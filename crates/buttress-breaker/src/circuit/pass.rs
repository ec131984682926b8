//! `Pass`: what an admitted call carries.

use crate::circuit::time::{NEVER, Nanos};

/// The epoch of calls that only shadow mode let through.
pub(crate) const BLIND: u64 = 0;

/// In a pass: its call was settled.
const TAKEN: u64 = u64::MAX;

/// What an admitted call carries, to be settled with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pass {
    epoch: u64,
    /// When the call began, or [`NEVER`] where nobody looked.
    at: Nanos,
    /// Its slot among the probes, or its place among the calls in flight, where they are watched.
    ticket: Option<u32>,
}

impl Pass {
    pub(super) const fn new(epoch: u64, at: Nanos, ticket: Option<u32>) -> Self {
        Self { epoch, at, ticket }
    }

    /// That of a call which the circuit lets in without being asked.
    pub(crate) const fn open(epoch: u64, at: Nanos) -> Self {
        Self { epoch, at, ticket: None }
    }

    /// Leaves behind what settles nothing.
    pub(crate) const fn take(&mut self) -> Self {
        let pass = *self;
        self.epoch = TAKEN;
        pass
    }

    pub(crate) const fn is_taken(&self) -> bool {
        self.epoch == TAKEN
    }

    pub(super) const fn is_blind(&self) -> bool {
        self.epoch == BLIND
    }

    pub(crate) const fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(crate) const fn at(&self) -> Nanos {
        self.at
    }

    pub(super) const fn ticket(&self) -> Option<u32> {
        self.ticket
    }

    /// Does its call hold nothing that has to be given back?
    pub(crate) const fn is_plain(&self) -> bool {
        self.ticket.is_none()
    }

    /// Is it known when the call began?
    pub(crate) const fn is_timed(&self) -> bool {
        self.at != NEVER
    }

    /// Says when the call began.
    pub(crate) const fn began(&mut self, at: Nanos) {
        self.at = at;
    }

    /// How long the call has taken; no time, where nobody looked when it began.
    pub(crate) const fn elapsed(&self, now: Nanos) -> Nanos {
        now.saturating_sub(self.at)
    }
}
