//! `RateLimit`: the handle to a limit, for use with or without a layer.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use buttress_context::Context;
use buttress_error::{ConfigError, Rejection};
use tokio::time::Instant;

use crate::events;
use crate::meter::{Meter, Refused};
use crate::permit::Permit;
use crate::quota_cell::QuotaCell;
use crate::rate::Rate;
use crate::reservation::Reservation;
use crate::stats::RateLimitStats;

/// A limit on how many permits are taken per period. Clones share its state.
///
/// It counts by GCRA (the generic cell rate algorithm, ITU-T I.371): one number for each rate, no timer, no background task.
/// Time is tokio's, so a paused clock drives it.
///
/// A call takes permits in one of three ways. [`try_acquire`](Self::try_acquire) never waits;
/// [`acquire`](Self::acquire) waits in first-in, first-out order; [`reserve`](Self::reserve) returns the wait. A permit is
/// used up and does not come back when the call ends. If the weight of a call is known only after it, take an estimate
/// before and [settle](Permit::settle) the difference.
///
/// ```
/// use buttress_ratelimit::{Rate, RateLimit};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # async fn complete(_: &str) -> Result<u32, Box<dyn std::error::Error>> { Ok(900) }
/// let tokens = RateLimit::new("model", Rate::per_minute(90_000))?;
///
/// let permit = tokens.acquire(1_200).await?; // the estimate
/// let used = complete("Hello").await?;
/// permit.settle(used);
/// # assert_eq!(tokens.available(), 90_000 - 900);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct RateLimit(Arc<State>);

struct State {
    shared: Arc<Shared>,
    /// One for each rate.
    meters: Box<[Meter]>,
}

/// What the limits of all keys share.
struct Shared {
    name: Arc<str>,
    rates: Box<[QuotaCell]>,
    /// Time zero of the meters.
    origin: Instant,
    refused: AtomicU64,
    waited: AtomicU64,
    drained: AtomicU64,
}

impl RateLimit {
    /// Creates a limit that allows `rate`. The name appears in rejections and events.
    ///
    /// # Errors
    /// [`ConfigError`] if a number of the rate is out of its range.
    pub fn new(name: impl Into<Arc<str>>, rate: Rate) -> Result<Self, ConfigError> {
        Self::with_rates(name, &[rate])
    }

    /// Creates a limit of several rates, such as 10 per second and 5 000 per day. A call takes its permits from all of them
    /// or from none.
    ///
    /// While one of the rates refuses a call, calls on other threads may be refused by permits that it is about to give
    /// back. No rate is ever exceeded.
    ///
    /// # Errors
    /// [`ConfigError`] if there is no rate, or if a number of one is out of its range.
    pub fn with_rates(name: impl Into<Arc<str>>, rates: &[Rate]) -> Result<Self, ConfigError> {
        if rates.is_empty() {
            return Err(ConfigError::new("rates", "at least one", rates));
        }
        let rates = rates.iter().map(|rate| rate.quota().map(QuotaCell::new)).collect::<Result<_, _>>()?;
        let shared = Shared {
            name: name.into(),
            rates,
            origin: Instant::now(),
            refused: AtomicU64::new(0),
            waited: AtomicU64::new(0),
            drained: AtomicU64::new(0),
        };
        Ok(Self::full(Arc::new(shared)))
    }

    fn full(shared: Arc<Shared>) -> Self {
        let meters = shared.rates.iter().map(|_| Meter::new()).collect();
        Self(Arc::new(State { shared, meters }))
    }

    /// Creates a limit of the same name, rates and statistics whose permits are its own. A change of the rate applies to both.
    pub(crate) fn sibling(&self) -> Self {
        Self::full(Arc::clone(&self.0.shared))
    }

    /// Takes `weight` permits now, or none.
    ///
    /// # Errors
    /// A [`Rejection`] with the exact time after which the same call would be admitted, if nobody else takes permits
    /// meanwhile. It has no such time if `weight` is greater than the burst: the call can never be admitted.
    pub fn try_acquire(&self, weight: u32) -> Result<Permit, Rejection> {
        self.admit(weight, Duration::ZERO).map(|_| Permit::new(self.clone(), weight))
    }

    /// Waits for `weight` permits. Waiters are served in the order in which they came.
    ///
    /// # Errors
    /// A [`Rejection`] at once if the wait would end after the [deadline](Context::deadline) of the call, or if `weight` is
    /// greater than the burst.
    ///
    /// # Cancel safety
    /// Dropping the future gives back permits whose time has not come.
    ///
    /// # Panics
    /// Outside a tokio runtime with timers, if it has to wait.
    pub async fn acquire(&self, weight: u32) -> Result<Permit, Rejection> {
        Ok(self.reserve(weight, Duration::MAX)?.ready().await)
    }

    /// Reserves `weight` permits for a time at most `max_wait` from now. [`Duration::MAX`] means no limit but the
    /// [deadline](Context::deadline) of the call.
    ///
    /// # Errors
    /// A [`Rejection`] if the wait would be longer, or end after the deadline, or if `weight` is greater than the burst.
    pub fn reserve(&self, weight: u32, max_wait: Duration) -> Result<Reservation, Rejection> {
        let admitted = self.admit(weight, max_wait)?;
        Ok(Reservation::new(self.clone(), weight, admitted.at))
    }

    /// Takes `weight` permits, and returns when they may be used. A refused call changes nothing.
    #[inline]
    pub(crate) fn admit(&self, weight: u32, max_wait: Duration) -> Result<Admitted, Rejection> {
        let State { shared, meters } = &*self.0;
        let now = Instant::now();
        let nanos = shared.nanos(now);
        let mut max_wait = saturating_nanos(max_wait);
        let deadline = Context::current_deadline();
        if let Some(end) = deadline.instant() {
            if end <= now {
                return Err(self.refuse_expired(weight, now));
            }
            max_wait = max_wait.min(saturating_nanos(end - now));
        }
        let mut longest = 0;
        for (index, (meter, rate)) in meters.iter().zip(&shared.rates).enumerate() {
            match meter.take(rate.get(), nanos, weight, max_wait) {
                Ok(wait) => longest = longest.max(wait),
                Err(refused) => {
                    self.undo(index, nanos, weight);
                    return Err(self.refuse(refused, weight));
                }
            }
        }
        if longest == 0 {
            return Ok(Admitted { at: None });
        }
        shared.waited.fetch_add(1, Ordering::Relaxed);
        Ok(Admitted { at: Some(now + Duration::from_nanos(longest)) })
    }

    /// Gives back what the first `count` rates have granted.
    fn undo(&self, count: usize, now: u64, weight: u32) {
        for (meter, rate) in self.0.meters.iter().zip(&self.0.shared.rates).take(count) {
            meter.give_back(rate.get(), now, weight);
        }
    }

    #[cold]
    fn refuse(&self, refused: Refused, weight: u32) -> Rejection {
        let shared = &self.0.shared;
        shared.refused.fetch_add(1, Ordering::Relaxed);
        let name = Arc::clone(&shared.name);
        match refused {
            Refused::For(wait) => {
                let wait = Duration::from_nanos(wait);
                events::refused(&name, weight, Some(wait));
                Rejection::rate_limited(name).with_retry_after(wait)
            }
            Refused::Never => {
                events::refused(&name, weight, None);
                let burst = shared.rates.iter().map(|rate| rate.get().burst()).min().unwrap_or_default();
                Rejection::exceeds_burst(name, weight, burst)
            }
        }
    }

    /// The deadline passed before the call.
    #[cold]
    fn refuse_expired(&self, weight: u32, now: Instant) -> Rejection {
        let shared = &self.0.shared;
        shared.refused.fetch_add(1, Ordering::Relaxed);
        events::refused(&shared.name, weight, None);
        let deadline = Context::current_deadline();
        let start = deadline.start().unwrap_or(now);
        let limit = deadline.instant().unwrap_or(now).saturating_duration_since(start);
        let elapsed = now.saturating_duration_since(start);
        Rejection::deadline(Arc::clone(&shared.name), limit, elapsed, None)
    }

    /// Gives back permits whose time has not come.
    pub(crate) fn give_back(&self, weight: u32) {
        let now = self.0.shared.nanos(Instant::now());
        self.undo(self.0.meters.len(), now, weight);
    }

    pub(crate) fn settle(&self, reserved: u32, actual: u32) {
        let now = self.0.shared.nanos(Instant::now());
        for (meter, rate) in self.0.meters.iter().zip(&self.0.shared.rates) {
            meter.settle(rate.get(), now, reserved, actual);
        }
    }

    /// Takes all permits, so that the next one comes after `wait`, or later if it would have come later. For a dependency that
    /// answers "too many requests". Calls that are waiting keep their times.
    pub fn drain(&self, wait: Duration) {
        let shared = &self.0.shared;
        shared.drained.fetch_add(1, Ordering::Relaxed);
        events::drained(&shared.name, wait);
        let (now, wait) = (shared.nanos(Instant::now()), saturating_nanos(wait));
        for (meter, rate) in self.0.meters.iter().zip(&shared.rates) {
            meter.drain(rate.get(), now, wait);
        }
    }

    /// Replaces the rate, for all keys. It applies from now on: what was taken comes back at the time at which it would have
    /// come back before, and calls that are waiting keep their times.
    ///
    /// # Errors
    /// [`ConfigError`] if a number of the rate is out of its range, or if the limit has several rates; see
    /// [`set_rates`](Self::set_rates). The old rate then stays.
    pub fn set_rate(&self, rate: Rate) -> Result<(), ConfigError> {
        self.set_rates(&[rate])
    }

    /// Replaces all rates, in their order. See [`set_rate`](Self::set_rate).
    ///
    /// # Errors
    /// [`ConfigError`] if a number of a rate is out of its range, or if there are not as many rates as before. The old rates
    /// then stay.
    pub fn set_rates(&self, rates: &[Rate]) -> Result<(), ConfigError> {
        let cells = &self.0.shared.rates;
        if rates.len() != cells.len() {
            return Err(ConfigError::new("rates", "as many as the limit was created with", rates));
        }
        let quotas = rates.iter().map(|rate| rate.quota()).collect::<Result<Vec<_>, _>>()?;
        for (cell, quota) in cells.iter().zip(quotas) {
            cell.set(quota);
        }
        Ok(())
    }

    pub(crate) fn set_burst(&self, burst: u32) -> Result<(), ConfigError> {
        for cell in &self.0.shared.rates {
            cell.set(cell.get().with_burst(burst)?);
        }
        Ok(())
    }

    /// Returns how many permits can be taken now.
    #[must_use]
    pub fn available(&self) -> u32 {
        let now = self.0.shared.nanos(Instant::now());
        let rates = self.0.meters.iter().zip(&self.0.shared.rates);
        rates.map(|(meter, rate)| meter.available(rate.get(), now)).min().unwrap_or_default()
    }

    /// Returns `true` unless all permits are there.
    pub(crate) fn is_used(&self) -> bool {
        let now = self.0.shared.nanos(Instant::now());
        self.0.meters.iter().any(|meter| meter.is_used(now))
    }

    /// Returns the counts, those of all keys together.
    #[must_use]
    pub fn stats(&self) -> RateLimitStats {
        let Shared { refused, waited, drained, .. } = &*self.0.shared;
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        RateLimitStats { refused: count(refused), waited: count(waited), drained: count(drained) }
    }

    /// Returns its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.shared.name
    }
}

impl Shared {
    fn nanos(&self, now: Instant) -> u64 {
        saturating_nanos(now.saturating_duration_since(self.origin))
    }
}

/// 584 years at most.
fn saturating_nanos(time: Duration) -> u64 {
    time.as_secs().saturating_mul(1_000_000_000).saturating_add(time.subsec_nanos().into())
}

/// Permits that were taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Admitted {
    /// When they may be used; none means now.
    pub(crate) at: Option<Instant>,
}

impl fmt::Debug for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimit")
            .field("name", &self.name())
            .field("available", &self.available())
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
