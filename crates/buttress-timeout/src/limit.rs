//! `Limit`: the settings of a timeout layer.

use std::sync::Arc;
use std::time::Duration;

use buttress_error::ConfigError;
use buttress_error::handle::ServiceHandle;

use crate::name::Name;

/// What both layers are set to.
#[derive(Clone, Debug)]
pub(crate) struct Limit {
    pub(crate) duration: Duration,
    pub(crate) name: Name,
}

impl Limit {
    pub(crate) const fn new(duration: Duration, name: Name) -> Self {
        Self { duration, name }
    }

    /// Checks a duration that may come from a file.
    pub(crate) fn checked(duration: Duration, name: Name) -> Result<Self, ConfigError> {
        if duration.is_zero() {
            return Err(ConfigError::new("limit", "longer than zero", duration));
        }
        Ok(Self::new(duration, name))
    }

    pub(crate) fn named(self, name: Arc<str>) -> Self {
        Self { name: name.into(), ..self }
    }

    /// The limit for a service, with a handle to the name for each response future.
    pub(crate) fn for_service(&self) -> ServiceLimit {
        ServiceLimit { duration: self.duration, name: ServiceHandle::new(self.name.clone()) }
    }
}

/// A [`Limit`] in a service.
#[derive(Clone, Debug)]
pub(crate) struct ServiceLimit {
    pub(crate) duration: Duration,
    pub(crate) name: ServiceHandle<Name>,
}
