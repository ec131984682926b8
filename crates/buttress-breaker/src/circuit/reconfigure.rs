//! New settings for a circuit at work.

use std::mem;
use std::sync::Arc;

use crate::circuit::Circuit;
use crate::circuit::settings::Settings;
use crate::circuit::time::Nanos;
use crate::circuit::window::refill;

impl Circuit {
    /// Takes over new settings, and gives back the old ones. State, epoch, streak and growth stay, and so does what the
    /// windows know, as far as the new ones can hold it.
    pub(crate) fn reconfigure(&mut self, settings: Arc<Settings>, now: Nanos) -> Arc<Settings> {
        let now = self.tick(now);
        self.roll(now);
        let old = self.settings.windows.iter().copied().zip(mem::take(&mut self.memories)).collect();
        self.memories = refill(&settings.windows, old, now);
        let old = mem::replace(&mut self.recent_failures, settings.recent_failures().collect());
        self.recent_failures.iter_mut().for_each(|recent| recent.refill(&old));
        self.in_flight.watch(settings.ages());
        mem::replace(&mut self.settings, settings)
    }
}
