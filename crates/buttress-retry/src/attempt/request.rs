//! `RequestInfo`: what a retry has to know about the request.

use std::sync::atomic::{AtomicBool, Ordering};

use buttress_context::Context;
use buttress_error::Class;

use crate::events;

/// What a retry has to know about the request of a failed attempt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestInfo<'c> {
    /// Whether it is safe to be processed twice. None: the context decides.
    pub(crate) idempotent: Option<bool>,
    /// Whether it carries an idempotency key. None: its type does not say.
    pub(crate) has_key: Option<bool>,
    /// Set when the layer has warned that its request type does not say whether it is idempotent. None if the layer
    /// assumes that it is.
    pub(crate) warned: Option<&'c AtomicBool>,
    /// The default if neither the request nor the context says whether it is idempotent.
    pub(crate) assume_idempotent: bool,
    /// Whether there is a copy to send again.
    pub(crate) replayable: bool,
}

impl RequestInfo<'_> {
    /// Describes a closure, which can always be called again.
    pub(crate) const fn closure(idempotent: Option<bool>) -> Self {
        Self { idempotent, has_key: None, warned: None, assume_idempotent: true, replayable: true }
    }

    /// Warns, once for each layer, if a failure was not retried only because the request type does not say whether it is
    /// idempotent.
    pub(super) fn warn_if_unknown(&self, retry: Option<&str>, class: &Class) {
        let unknown = self.idempotent.is_none()
            && self.has_key.is_none()
            && Context::read(|cx| cx.idempotent().is_none());
        if let Some(warned) = self.warned.filter(|_| unknown)
            && !warned.swap(true, Ordering::Relaxed)
        {
            events::idempotency_unknown(retry, class);
        }
    }
}
