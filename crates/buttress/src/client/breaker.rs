//! The breaker of a client: an existing breaker, or settings for a new one.

use std::time::Duration;

use buttress_breaker::{Breaker, BreakerBuilder, Probes, TripRule, Window};
use buttress_error::ConfigError;

/// An argument of [`ClientBuilder::breaker`](super::ClientBuilder::breaker): a [`Breaker`], or the settings of one, which are
/// checked together with those of the client.
#[derive(Clone, Debug)]
pub struct BreakerSetting(Setting);

#[derive(Clone, Debug)]
enum Setting {
    Existing(Breaker),
    // Boxed for its size: a builder is several times larger than a handle.
    New(Box<BreakerBuilder>),
}

impl BreakerSetting {
    pub(super) fn build(self) -> Result<Breaker, ConfigError> {
        match self.0 {
            Setting::Existing(breaker) => Ok(breaker),
            Setting::New(builder) => builder.build(),
        }
    }
}

impl From<Breaker> for BreakerSetting {
    fn from(breaker: Breaker) -> Self {
        Self(Setting::Existing(breaker))
    }
}

impl From<&Breaker> for BreakerSetting {
    fn from(breaker: &Breaker) -> Self {
        breaker.clone().into()
    }
}

/// Creates a breaker with this name and the defaults of [`Breaker::new`].
impl From<&str> for BreakerSetting {
    fn from(name: &str) -> Self {
        Breaker::new(name).into()
    }
}

/// Creates a breaker with this name and the defaults of [`Breaker::new`].
impl From<String> for BreakerSetting {
    fn from(name: String) -> Self {
        Breaker::new(name).into()
    }
}

impl From<BreakerBuilder> for BreakerSetting {
    fn from(settings: BreakerBuilder) -> Self {
        Self(Setting::New(Box::new(settings)))
    }
}

/// Creates the default breaker of a client, whose times are not zero.
///
/// A probe holds its slot for one attempt. An attempt that the deadline or the caller drops counts as a failure if it has
/// waited for half of its time, so that every hang counts, whatever ends it.
pub(super) fn default(name: &str, attempt_timeout: Duration, deadline: Duration) -> Breaker {
    let abandon_after = (attempt_timeout.min(deadline) / 2).max(Duration::from_nanos(1));
    // The hangs of a single caller end one after the other, up to one and a half attempts apart if the deadline cuts the last
    // one short. The window of the default rules would expire the first of them before it holds enough evidence.
    let hangs = attempt_timeout.min(deadline).saturating_mul(10).max(Duration::from_secs(30));
    let evidence = TripRule::evidence(0.5).over(Window::time(hangs));
    let settings = Breaker::builder(name)
        .probes(Probes::default().timeout(attempt_timeout))
        .abandon_after(abandon_after)
        .trip_when(evidence);
    settings.build().expect("the defaults are in range and the times are not zero")
}
