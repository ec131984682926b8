//! `Order`: what an operator or a program makes the circuit do.

use crate::circuit::time::Nanos;
use crate::circuit::transition::StateChange;
use crate::circuit::{Circuit, Phase};

/// An order. Each replaces the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Refuse every call until released.
    ForceOpen,
    /// Admit every call until released.
    Disable,
    /// Decide, but never refuse.
    Shadow,
    /// Revoke the order.
    Release,
    /// Close, with an empty record and the first wait.
    Reset,
}

impl Circuit {
    /// Applies the order. Returns none if nothing changes but the shadow.
    pub(crate) fn apply_order(&mut self, order: Order, now: Nanos) -> Option<StateChange> {
        let now = self.advance(now);
        // The next step reads from the windows whether a success can open the circuit.
        self.record.advance(now);
        let ordered = matches!(self.phase, Phase::ForcedOpen { .. } | Phase::Disabled { .. });
        self.shadow = order == Order::Shadow;
        match order {
            Order::ForceOpen if !matches!(self.phase, Phase::ForcedOpen { .. }) => {
                self.record.clear();
                Some(self.enter(Phase::ForcedOpen { since: now }))
            }
            Order::Disable if !matches!(self.phase, Phase::Disabled { .. }) => {
                self.record.clear();
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
