//! New settings for a running circuit.

use std::mem;
use std::sync::Arc;

use crate::circuit::settings::Settings;
use crate::circuit::time::Nanos;
use crate::circuit::{Circuit, Phase};

impl Circuit {
    /// Replaces the settings, and returns the old ones. State, epoch, streak and growth stay. The windows keep as much as the
    /// new ones can hold.
    pub(crate) fn reconfigure(&mut self, settings: Arc<Settings>, now: Nanos) -> Arc<Settings> {
        let now = self.advance(now);
        self.record.reconfigure(&self.settings, &settings, now);
        if let Phase::Closed(closed) = &mut self.phase {
            closed.reconfigure(&settings);
        }
        mem::replace(&mut self.settings, settings)
    }
}
