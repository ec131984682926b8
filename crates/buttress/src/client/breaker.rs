//! The breaker of a client: given, or made from settings.

use std::time::Duration;

use buttress_breaker::{Breaker, BreakerBuilder, Probes, TripRule, Window};
use buttress_error::ConfigError;

/// A [`Breaker`], or settings of one: what [`ClientBuilder::breaker`](super::ClientBuilder::breaker) takes.
///
/// Settings are checked with those of the client.
#[derive(Clone, Debug)]
pub struct BreakerSetting(Setting);

#[derive(Clone, Debug)]
enum Setting {
    Made(Breaker),
    // Boxed for its size: a builder is several times as large as a handle.
    New(Box<BreakerBuilder>),
}

impl BreakerSetting {
    pub(super) fn build(self) -> Result<Breaker, ConfigError> {
        match self.0 {
            Setting::Made(breaker) => Ok(breaker),
            Setting::New(builder) => builder.build(),
        }
    }
}

impl From<Breaker> for BreakerSetting {
    fn from(breaker: Breaker) -> Self {
        Self(Setting::Made(breaker))
    }
}

impl From<&Breaker> for BreakerSetting {
    fn from(breaker: &Breaker) -> Self {
        breaker.clone().into()
    }
}

/// A new breaker of this name, with the defaults of [`Breaker::new`].
impl From<&str> for BreakerSetting {
    fn from(name: &str) -> Self {
        Breaker::new(name).into()
    }
}

/// A new breaker of this name, with the defaults of [`Breaker::new`].
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

/// The breaker of a client that was given none. Its times follow those of the client, which are not zero.
///
/// A probe holds its slot for one attempt. An attempt that is dropped, by the deadline or by the caller, counts as a
/// failure once it has waited for half the time that it has: so every hang counts, whoever cuts it.
pub(super) fn default(name: &str, attempt_timeout: Duration, deadline: Duration) -> Breaker {
    let abandon_after = (attempt_timeout.min(deadline) / 2).max(Duration::from_nanos(1));
    // The hangs of a lone caller end one after the other, up to one and a half attempts apart where the deadline cuts the
    // last one short. The window of the default rules forgets the first of them before it holds enough; this one doesn't.
    let hangs = attempt_timeout.min(deadline).saturating_mul(10).max(Duration::from_secs(30));
    let evidence = TripRule::evidence(0.5).over(Window::time(hangs));
    let settings = Breaker::builder(name)
        .probes(Probes::default().timeout(attempt_timeout))
        .abandon_after(abandon_after)
        .trip_when(evidence);
    settings.build().expect("the defaults are in range, and the times not zero")
}
