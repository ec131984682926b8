//! `Name`: what a layer is called in its rejections, cheap to hand to every call.

use std::fmt;
use std::sync::{Arc, LazyLock};

/// A name that costs a reference count per call, or nothing once it is `'static`.
#[derive(Clone)]
pub(crate) enum Name {
    Static(&'static Arc<str>),
    Shared(Arc<str>),
}

impl Name {
    /// The name of a layer that was given none.
    pub(crate) fn fixed(name: &'static LazyLock<Arc<str>>) -> Self {
        Self::Static(name)
    }

    /// The same, kept for ever.
    pub(crate) fn leak(self) -> Self {
        match self {
            Self::Static(_) => self,
            Self::Shared(name) => Self::Static(Box::leak(Box::new(name))),
        }
    }

    pub(crate) fn as_arc(&self) -> &Arc<str> {
        match self {
            Self::Static(name) => name,
            Self::Shared(name) => name,
        }
    }
}

impl From<Arc<str>> for Name {
    fn from(name: Arc<str>) -> Self {
        Self::Shared(name)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_arc().fmt(f)
    }
}
