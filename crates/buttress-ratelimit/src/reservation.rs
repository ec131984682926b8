//! `Reservation`: permits that can be used later.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::limit::RateLimit;
use crate::permit::Permit;

/// Permits that can be used from a certain time on. Dropping it before that time gives them back.
///
/// ```
/// use std::time::Duration;
///
/// use buttress_ratelimit::{Rate, RateLimit};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::time::pause();
/// let limit = RateLimit::new("search", Rate::per_second(10).burst(1))?;
/// let _first = limit.try_acquire(1)?;
///
/// let second = limit.reserve(1, Duration::from_secs(1))?;
/// assert_eq!(second.wait(), Duration::from_millis(100));
/// let permit = second.ready().await;
/// # drop(permit);
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "dropping a reservation gives its permits back"]
pub struct Reservation {
    limit: RateLimit,
    weight: u32,
    /// None if they could be used at once.
    at: Option<Instant>,
}

impl Reservation {
    pub(crate) const fn new(limit: RateLimit, weight: u32, at: Option<Instant>) -> Self {
        Self { limit, weight, at }
    }

    /// Returns the time until the permits can be used; zero if they can be used now.
    #[must_use]
    pub fn wait(&self) -> Duration {
        self.at.map_or(Duration::ZERO, |at| at.saturating_duration_since(Instant::now()))
    }

    /// Waits until the permits can be used.
    ///
    /// # Cancel safety
    /// Dropping the future gives back permits whose time has not come.
    ///
    /// # Panics
    /// Outside a tokio runtime with timers, if it has to wait.
    pub async fn ready(self) -> Permit {
        if let Some(at) = self.at {
            sleep_until(at).await;
        }
        self.into_permit()
    }

    /// Returns when the permits can be used.
    pub(crate) fn at(&self) -> Instant {
        self.at.unwrap_or_else(Instant::now)
    }

    /// Its time has come.
    pub(crate) fn into_permit(self) -> Permit {
        Permit::new(self.limit.clone(), self.weight)
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.at.is_some_and(|at| Instant::now() < at) {
            self.limit.give_back(self.weight);
        }
    }
}
