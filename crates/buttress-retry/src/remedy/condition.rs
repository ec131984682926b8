//! `RemedyCondition`: the failures that a remedy applies to.

use std::fmt;
use std::sync::Arc;

use buttress_error::{Class, Kind};

/// The failures that a [`Remedy`](crate::Remedy) applies to. Made by [`on`], [`reason`](Self::reason) or
/// [`class`](Self::class).
#[derive(Clone)]
pub struct RemedyCondition(Condition);

#[derive(Clone)]
enum Condition {
    Kind(Kind),
    Reason(&'static str),
    Class(Arc<dyn Fn(&Class) -> bool + Send + Sync>),
}

/// Matches failures of `kind`. See also [`RemedyCondition::reason`] and [`RemedyCondition::class`].
#[must_use]
pub const fn on(kind: Kind) -> RemedyCondition {
    RemedyCondition(Condition::Kind(kind))
}

impl RemedyCondition {
    /// Matches failures with this reason, such as `TOKEN_EXPIRED`.
    #[must_use]
    pub const fn reason(reason: &'static str) -> Self {
        Self(Condition::Reason(reason))
    }

    /// Matches failures for whose class `matches` returns `true`.
    #[must_use]
    pub fn class(matches: impl Fn(&Class) -> bool + Send + Sync + 'static) -> Self {
        Self(Condition::Class(Arc::new(matches)))
    }

    pub(super) fn matches(&self, class: &Class) -> bool {
        match &self.0 {
            Condition::Kind(kind) => class.kind == *kind,
            Condition::Reason(reason) => class.reason == Some(*reason),
            Condition::Class(matches) => matches(class),
        }
    }

    /// Returns the name of a remedy that was given none.
    pub(super) const fn name(&self) -> &'static str {
        match &self.0 {
            Condition::Kind(kind) => kind.as_str(),
            Condition::Reason(reason) => reason,
            Condition::Class(_) => "remedy",
        }
    }
}

impl fmt::Debug for RemedyCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RemedyCondition").field(&self.name()).finish()
    }
}
