//! `Hold`: how a handle keeps its circuit alive.

use std::ops::Deref;
use std::sync::Arc;

use crate::breaker::Shared;

/// Each future of a service holds the circuit. Threads whose futures count themselves in one place take turns there, and
/// that is what most of their calls would cost: so a service that calls again and again gets a count of its own.
#[derive(Clone)]
pub(super) enum Hold {
    Counted(Arc<Shared>),
    Apart(Arc<Lone>),
    Leaked(&'static Shared),
}

/// Its count is alone on its cache lines; two, since processors fetch them in pairs.
#[repr(align(128))]
pub(super) struct Lone(Arc<Shared>);

impl Hold {
    pub(super) fn new(shared: Shared) -> Self {
        Self::Counted(Arc::new(shared))
    }

    pub(super) fn apart(&self) -> Self {
        match self.together() {
            Self::Counted(shared) => Self::Apart(Arc::new(Lone(shared))),
            other => other,
        }
    }

    /// By the count that all begin with.
    fn together(&self) -> Self {
        match self {
            Self::Apart(lone) => Self::Counted(Arc::clone(&lone.0)),
            other => other.clone(),
        }
    }

    pub(super) fn leak(self) -> Self {
        match self.together() {
            Self::Counted(shared) => Self::Leaked(Box::leak(Box::new(shared))),
            other => other,
        }
    }
}

impl Deref for Hold {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        match self {
            Self::Counted(shared) => shared,
            Self::Apart(lone) => &lone.0,
            Self::Leaked(shared) => shared,
        }
    }
}
