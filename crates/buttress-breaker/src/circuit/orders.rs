//! What a person or a program orders the circuit to do.

use crate::circuit::change::Change;
use crate::circuit::time::Nanos;
use crate::circuit::{Circuit, Phase};

/// An order; each replaces the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Refuse everything until released.
    ForceOpen,
    /// Admit everything until released.
    Disable,
    /// Decide, but never refuse.
    Shadow,
    /// No order any more.
    Release,
    /// Closed, with an empty window and a short wait.
    Reset,
}

impl Circuit {
    /// Obeys; none where nothing changes but the shadow.
    pub(crate) fn obey(&mut self, order: Order, now: Nanos) -> Option<Change> {
        let now = self.tick(now);
        // Whether a success could open the circuit is read off the windows next.
        self.roll(now);
        let ordered = matches!(self.phase, Phase::ForcedOpen { .. } | Phase::Disabled { .. });
        self.shadow = order == Order::Shadow;
        match order {
            Order::ForceOpen if !matches!(self.phase, Phase::ForcedOpen { .. }) => {
                self.forget();
                Some(self.enter(Phase::ForcedOpen { since: now }))
            }
            Order::Disable if !matches!(self.phase, Phase::Disabled { .. }) => {
                self.forget();
                Some(self.enter(Phase::Disabled { since: now }))
            }
            Order::Shadow | Order::Release if ordered => Some(self.close(now)),
            Order::Reset => {
                self.growth.reset();
                Some(self.close(now))
            }
            _ => None,
        }
    }
}
