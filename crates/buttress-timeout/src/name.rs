//! `Name`: the name of a layer, cheap to hand to every call.

use std::fmt;
use std::sync::{Arc, LazyLock};

use buttress_error::handle::{Handle, SharedState};

/// The name of a layer. The default name is `'static`, so that a call need not count references to it.
#[derive(Clone)]
pub(crate) enum Name {
    Default(&'static LazyLock<Arc<str>>),
    Given(Handle<Arc<str>>),
}

impl Name {
    pub(crate) fn as_arc(&self) -> &Arc<str> {
        match self {
            Self::Default(name) => name,
            Self::Given(name) => name,
        }
    }
}

impl From<Arc<str>> for Name {
    fn from(name: Arc<str>) -> Self {
        Self::Given(Handle::new(name))
    }
}

impl SharedState for Name {
    fn with_own_count(&self) -> Self {
        match self {
            Self::Default(name) => Self::Default(name),
            Self::Given(name) => Self::Given(name.with_own_count()),
        }
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_arc().fmt(f)
    }
}
