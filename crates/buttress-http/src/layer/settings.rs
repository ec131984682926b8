//! What all clones of a layer share.

use std::sync::Arc;
use std::time::Duration;

use buttress_error::{BoxError, Error};

use crate::origin::Origin;
use crate::{ByStatus, translate};

#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) name: Arc<str>,
    pub(super) classifier: ByStatus,
    pub(super) bad: Bad,
    pub(super) trusted: Vec<Origin>,
}

/// What becomes of a bad status.
#[derive(Clone, Copy, Debug)]
pub(super) enum Bad {
    /// It is an error, with up to `bytes` of the body that came within `time`.
    Error { bytes: usize, time: Duration },
    /// It is passed on.
    Pass,
}

impl Settings {
    /// An error that was ours before keeps the place where it was made.
    pub(super) fn translate(&self, error: BoxError) -> Error {
        match error.downcast::<Error>() {
            Ok(ours) => ours.domain(Arc::clone(&self.name)),
            Err(foreign) => self.stamp(translate(foreign)),
        }
    }

    /// An error that this layer made.
    pub(super) fn stamp(&self, error: Error) -> Error {
        error.without_location().domain(Arc::clone(&self.name))
    }
}
