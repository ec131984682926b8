//! Whether an error was reported already.

use std::sync::atomic::{AtomicBool, Ordering};

#[derive(Default)]
pub(super) struct Logged(AtomicBool);

impl Logged {
    pub(super) fn first(&self) -> bool {
        // Nothing else is published with it.
        !self.0.swap(true, Ordering::Relaxed)
    }
}

impl Clone for Logged {
    fn clone(&self) -> Self {
        Self(AtomicBool::new(self.0.load(Ordering::Relaxed)))
    }
}
