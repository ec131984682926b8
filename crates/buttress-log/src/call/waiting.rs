//! `Waiting`: since when a service is not ready.

use buttress_error::handle::{Handle, ServiceHandle};
use tokio::time::Instant;

use crate::call::layer::Settings;
use crate::call::logged_call::{cancel_waiting, now_if_logging};

/// The settings of a service, and the wait for its inner service. If it is dropped during a wait, the call that waited was
/// cancelled, and is logged.
pub(super) struct Waiting<C> {
    pub(super) settings: ServiceHandle<Handle<Settings<C>>>,
    /// `None` while the inner service is ready, and without a subscriber.
    since: Option<Instant>,
}

impl<C> Waiting<C> {
    pub(super) const fn new(settings: ServiceHandle<Handle<Settings<C>>>) -> Self {
        Self { settings, since: None }
    }

    /// Waits since `since`, or from now on.
    pub(super) fn wait(&mut self, since: Option<Instant>) {
        self.since = since.or_else(now_if_logging);
    }

    pub(super) const fn end(&mut self) -> Option<Instant> {
        self.since.take()
    }
}

/// The clone has a wait of its own.
impl<C> Clone for Waiting<C> {
    fn clone(&self) -> Self {
        Self::new(self.settings.clone())
    }
}

impl<C> Drop for Waiting<C> {
    fn drop(&mut self) {
        if let Some(since) = self.since {
            cancel_waiting(&self.settings.call, since);
        }
    }
}
