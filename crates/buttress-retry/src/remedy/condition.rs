//! `RemedyCondition`: the failures that a remedy is for.

use std::fmt;
use std::sync::Arc;

use buttress_error::{Class, Kind};

/// The failures that a [`Remedy`](crate::Remedy) is for: see [`on`].
#[derive(Clone)]
pub struct RemedyCondition(Rule);

#[derive(Clone)]
enum Rule {
    Kind(Kind),
    Reason(&'static str),
    Class(Arc<dyn Fn(&Class) -> bool + Send + Sync>),
}

/// Failures of this kind. See also [`RemedyCondition::reason`] and [`RemedyCondition::class`].
#[must_use]
pub const fn on(kind: Kind) -> RemedyCondition {
    RemedyCondition(Rule::Kind(kind))
}

impl RemedyCondition {
    /// Failures with this reason, such as `TOKEN_EXPIRED`.
    #[must_use]
    pub const fn reason(reason: &'static str) -> Self {
        Self(Rule::Reason(reason))
    }

    /// Failures whose class the closure accepts.
    #[must_use]
    pub fn class(accepts: impl Fn(&Class) -> bool + Send + Sync + 'static) -> Self {
        Self(Rule::Class(Arc::new(accepts)))
    }

    pub(super) fn matches(&self, class: &Class) -> bool {
        match &self.0 {
            Rule::Kind(kind) => class.kind == *kind,
            Rule::Reason(reason) => class.reason == Some(*reason),
            Rule::Class(accepts) => accepts(class),
        }
    }

    /// What a remedy is called that was given no name.
    pub(super) const fn name(&self) -> &'static str {
        match &self.0 {
            Rule::Kind(kind) => kind.as_str(),
            Rule::Reason(reason) => reason,
            Rule::Class(_) => "remedy",
        }
    }
}

impl fmt::Debug for RemedyCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RemedyCondition").field(&self.name()).finish()
    }
}
