//! Retries as a share of the requests, over a sliding window.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use buttress_error::{ConfigError, Kind};
use tokio::time::Instant;

use super::costs::RetryCosts;
use super::requests::{RequestCounter, SLOTS};
use super::{Algorithm, Budget};

/// Settings of a budget that allows retries in proportion to the requests of the last seconds, plus a reserve for times of
/// few requests.
///
/// # The bound
/// For `n` requests in a window, at most `ratio · n + min_per_second · window` retries of cost 1 are granted. So at a steady
/// `r` requests per second, however many of them fail:
///
/// ```text
/// retries per second   ≤ ratio · r + min_per_second         (over long times; at most one window's worth more at the start)
/// attempts per request ≤ 1 + ratio + min_per_second / r
/// ```
///
/// With the defaults, 0.2 and 2, a client that makes 10 requests a second sends at most 1.4 attempts per request. At 100
/// requests a second it sends at most 1.22, and at 1 request a second at most 3.2. In a time without requests the whole
/// reserve, 20 retries, may be spent at once.
///
/// The idea is that of Finagle's
/// [`RetryBudget`](https://twitter.github.io/finagle/guide/Clients.html#retry-budget). Counts are fixed-point numbers, exact
/// to a millionth of a retry.
///
/// ```
/// use std::time::Duration;
/// use buttress_retry::Budget;
///
/// # fn main() -> Result<(), buttress_retry::ConfigError> {
/// let budget = Budget::ratio(0.1).min_per_second(0).over(Duration::from_secs(60)).build()?;
/// assert_eq!(budget.available(), 0);
/// (0..100).for_each(|_| budget.deposit());
/// assert_eq!(budget.available(), 10);
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "`build` makes the budget"]
pub struct RatioBudget {
    ratio: f64,
    min_per_second: u32,
    over: Duration,
    costs: RetryCosts,
}

impl Default for RatioBudget {
    fn default() -> Self {
        Self::new(0.2)
    }
}

impl RatioBudget {
    pub(super) const fn new(ratio: f64) -> Self {
        Self { ratio, min_per_second: 2, over: Duration::from_secs(10), costs: RetryCosts::uniform(1) }
    }

    /// Sets the retries per second that are allowed however few requests there are. Any number; with 0 no retry is granted
    /// without requests. Default: 2.
    pub const fn min_per_second(mut self, retries: u32) -> Self {
        self.min_per_second = retries;
        self
    }

    /// Sets the window: how long requests and retries count, with a resolution of a tenth of it. 1 ms to 1 h. Default: 10 s.
    pub const fn over(mut self, window: Duration) -> Self {
        self.over = window;
        self
    }

    /// Sets the cost of a retry, in retries: 1 or more. Default: 1.
    pub const fn retry_cost(mut self, retries: u32) -> Self {
        self.costs.retry = retries;
        self
    }

    /// Sets the cost of a retry after a timeout: 1 or more. Default: 1.
    pub const fn timeout_cost(mut self, retries: u32) -> Self {
        self.costs.timeout = retries;
        self
    }

    /// Sets the cost of a retry after a throttle: 1 or more. Default: 1.
    pub const fn throttle_cost(mut self, retries: u32) -> Self {
        self.costs.throttle = retries;
        self
    }

    /// Builds the budget.
    ///
    /// # Errors
    /// If the ratio is not in 0.0..=1000.0, the window is not in 1 ms..=1 h, or a cost is zero.
    pub fn build(self) -> Result<Budget, ConfigError> {
        if !(0.0..=1000.0).contains(&self.ratio) {
            return Err(ConfigError::new("ratio", "in 0.0..=1000.0", self.ratio));
        }
        if !(Duration::from_millis(1)..=Duration::from_secs(3600)).contains(&self.over) {
            return Err(ConfigError::new("over", "in 1 ms..=1 h", self.over));
        }
        self.costs.check()?;
        Ok(Budget::new(Algorithm::Ratio(self.window())))
    }

    pub(super) fn window(self) -> RatioWindow {
        let per_window = self.over.as_secs_f64() * f64::from(self.min_per_second);
        RatioWindow {
            ratio: (self.ratio * RETRY as f64).round() as i64,
            reserve: (per_window * RETRY as f64).round() as i64,
            costs: self.costs,
            requests: RequestCounter::new(self.over),
            retries: Mutex::default(),
        }
    }
}

/// One retry in fixed point.
const RETRY: i64 = 1_000_000;

/// The counts of the sliding window. Time goes in; no clock is read here.
#[derive(Debug)]
pub(super) struct RatioWindow {
    /// Millionths of a retry that a request adds.
    ratio: i64,
    /// Millionths of a retry that are available without requests.
    reserve: i64,
    costs: RetryCosts,
    /// Updated by every call, without a lock.
    requests: RequestCounter,
    retries: Mutex<Retries>,
}

/// A retry that was taken from the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Withdrawal {
    /// The number of the slot that counts it.
    slot: u64,
    cost: u32,
}

/// The retries in ten slots, which are reused in turn. A plain value.
#[derive(Debug, Default)]
struct Retries {
    /// The number of the latest slot.
    head: u64,
    slots: [u64; SLOTS],
}

impl RatioWindow {
    #[inline]
    pub(super) fn deposit(&self, now: Instant) {
        self.requests.add(now);
    }

    /// Returns the number of requests in all slots, also those that have left the window.
    pub(super) fn total_requests(&self) -> u64 {
        self.requests.total()
    }

    /// Takes one retry after a failure of `kind`, if enough is left.
    pub(super) fn withdraw(&self, now: Instant, kind: Kind) -> Option<Withdrawal> {
        let cost = self.costs.of(kind);
        let mut retries = self.lock();
        if self.balance(&mut retries, now) < i64::from(cost) * RETRY {
            return None;
        }
        Some(retries.take(cost))
    }

    /// Gives a retry back, unless its slot has left the window.
    pub(super) fn give_back(&self, withdrawal: Withdrawal) {
        self.lock().give_back(withdrawal);
    }

    pub(super) fn available(&self, now: Instant) -> u32 {
        u32::try_from(self.balance(&mut self.lock(), now).max(0) / RETRY).unwrap_or(u32::MAX)
    }

    /// Returns what is left, in millionths of a retry.
    fn balance(&self, retries: &mut Retries, now: Instant) -> i64 {
        let (head, requests) = self.requests.sum(now);
        retries.advance(head);
        let requests = i64::try_from(requests).unwrap_or(i64::MAX);
        let earned = requests.saturating_mul(self.ratio).saturating_add(self.reserve);
        earned.saturating_sub(retries.sum().saturating_mul(RETRY))
    }

    /// The counts are consistent whenever the lock is released, so a poisoned lock does no harm.
    fn lock(&self) -> MutexGuard<'_, Retries> {
        self.retries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Retries {
    /// Moves on to slot `number` and clears the slots that it passes. It never moves back.
    fn advance(&mut self, number: u64) {
        let passed = number.saturating_sub(self.head).min(SLOTS as u64);
        for step in 1..=passed {
            self.slots[index(self.head + step)] = 0;
        }
        self.head = self.head.max(number);
    }

    fn take(&mut self, cost: u32) -> Withdrawal {
        let count = &mut self.slots[index(self.head)];
        *count = count.saturating_add(cost.into());
        Withdrawal { slot: self.head, cost }
    }

    fn give_back(&mut self, Withdrawal { slot, cost }: Withdrawal) {
        if self.head - slot < SLOTS as u64 {
            let count = &mut self.slots[index(slot)];
            *count = count.saturating_sub(cost.into());
        }
    }

    fn sum(&self) -> i64 {
        let sum = self.slots.iter().copied().fold(0, u64::saturating_add);
        i64::try_from(sum).unwrap_or(i64::MAX)
    }
}

const fn index(number: u64) -> usize {
    (number % SLOTS as u64) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn window(ratio: f64, min_per_second: u32, over: Duration) -> RatioWindow {
        Budget::ratio(ratio).min_per_second(min_per_second).over(over).window()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// [S14] The ratio is exact to 0.1 %, from 0.01 to 10.
        #[test]
        fn ratio_error_is_below_a_thousandth(ratio in 0.01..10.0_f64) {
            let window = window(ratio, 0, Duration::from_secs(10));
            let now = Instant::now();
            let mut granted = 0_u32;
            for _ in 0..20_000 {
                window.deposit(now);
                while window.withdraw(now, Kind::Unavailable).is_some() {
                    granted += 1;
                }
            }
            let expected = ratio * 20_000.0;
            prop_assert!((f64::from(granted) - expected).abs() <= expected / 1000.0 + 1.0, "{granted} of {expected}");
        }

        /// After the window nothing counts any more, whatever the steps of the clock.
        #[test]
        fn everything_is_forgotten(steps in prop::collection::vec((0_u64..400, any::<bool>()), 1..100)) {
            let window = window(0.5, 0, Duration::from_secs(1));
            let mut now = Instant::now();
            for (millis, request) in steps {
                now += Duration::from_millis(millis);
                if request { window.deposit(now) } else { let _ = window.withdraw(now, Kind::Timeout); }
            }
            prop_assert_eq!(window.available(now + Duration::from_millis(1000)), 0);
            prop_assert_eq!(window.lock().sum(), 0);
        }
    }

    /// [S5] A clock that goes back causes no panic and loses no count.
    #[test]
    fn a_clock_that_goes_back() {
        let window = window(1.0, 0, Duration::from_secs(1));
        let now = Instant::now() + Duration::from_secs(3600);
        window.deposit(now);
        assert_eq!(window.available(now - Duration::from_secs(1800)), 1);
    }

    /// [S14] A retry costs what the kind of its failure costs, and gives back the same.
    #[test]
    fn retries_cost_by_kind() {
        let settings = Budget::ratio(1.0).min_per_second(0).timeout_cost(3).throttle_cost(2);
        let (window, now) = (settings.window(), Instant::now());
        (0..6).for_each(|_| window.deposit(now));
        let take = |kind| window.withdraw(now, kind);
        assert_eq!([Kind::Timeout, Kind::Throttled].map(|kind| take(kind).unwrap().cost), [3, 2]);
        assert!(take(Kind::Timeout).is_none(), "one is left");
        let last = take(Kind::Unavailable).unwrap();
        assert_eq!((last.cost, window.available(now)), (1, 0));
        window.give_back(last);
        assert_eq!(window.available(now), 1);
        assert!(settings.retry_cost(0).build().is_err());
    }
}
