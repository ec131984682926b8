//! `Shut`: the refusal that a service remembers, to refuse the next calls without asking the circuit.

use crate::circuit::pass::BLIND;
use crate::circuit::refusal::Refusal;
use crate::circuit::time::Nanos;

#[derive(Clone, Debug)]
pub(crate) struct Shut {
    /// The epoch of an open circuit, which changes nothing about its wait: the refusal holds as long as it lasts. Else
    /// [`BLIND`]: the refusal is for one call.
    pub(crate) epoch: u64,
    pub(crate) refusal: Refusal,
}

impl Shut {
    /// Is there more of the wait?
    pub(crate) fn holds(&self, now: Nanos) -> bool {
        self.epoch != BLIND && self.refusal.rest(now).is_some_and(|rest| rest > 0)
    }
}
