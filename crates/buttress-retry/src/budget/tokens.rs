//! A bucket of tokens: retries take, successes give back.

use buttress_error::{ConfigError, Kind};

use super::{Budget, Prices, Rule};
use crate::sync::{AtomicU32, Ordering};

/// Settings of a budget whose retries cost tokens, priced by the failure; successes give them back.
///
/// A retry that succeeds gives back what it cost; a success at the first attempt gives one token. It needs no clock.
///
/// # It is no cap of n %
/// Where the share `f` of the attempts fails, the tokens that first successes give pay in the long run for
///
/// ```text
/// retries per call ≤ (1 − f) / (cost · f)
/// ```
///
/// With a cost of 5 that is 1.8 at `f` = 10 %, 0.2 at 50 % and 0.02 at 90 %: the bucket binds in an outage, and hardly
/// otherwise. (A full bucket pays for `capacity / cost` failed retries more.) For a bound that holds at every rate of
/// failures use a [`RatioBudget`](super::RatioBudget).
///
/// The scheme and its prices are those of the AWS SDKs'
/// [standard retry mode](https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html).
#[derive(Clone, Copy, Debug)]
#[must_use = "nothing is made before `build`"]
pub struct TokenBudget {
    capacity: u32,
    prices: Prices,
}

impl Default for TokenBudget {
    fn default() -> Self {
        Self::new(500)
    }
}

impl TokenBudget {
    pub(super) const fn new(capacity: u32) -> Self {
        Self { capacity, prices: Prices { retry: 5, timeout: 10, throttle: 5 } }
    }

    /// Tokens that a retry costs. Default: 5.
    pub const fn retry_cost(mut self, tokens: u32) -> Self {
        self.prices.retry = tokens;
        self
    }

    /// Tokens that a retry after a timeout costs. Default: 10.
    pub const fn timeout_cost(mut self, tokens: u32) -> Self {
        self.prices.timeout = tokens;
        self
    }

    /// Tokens that a retry after a throttle costs. Default: 5.
    pub const fn throttle_cost(mut self, tokens: u32) -> Self {
        self.prices.throttle = tokens;
        self
    }

    /// The budget, full at first.
    ///
    /// # Errors
    /// If a cost is zero: such retries would have no bound.
    pub fn build(self) -> Result<Budget, ConfigError> {
        self.prices.check()?;
        Ok(Budget::new(Rule::Tokens(TokenBucket::new(self))))
    }
}

/// The bucket: one number, so its order among other memory doesn't matter, and every access is relaxed.
#[derive(Debug)]
pub(super) struct TokenBucket {
    settings: TokenBudget,
    tokens: AtomicU32,
}

impl TokenBucket {
    fn new(settings: TokenBudget) -> Self {
        Self { settings, tokens: AtomicU32::new(settings.capacity) }
    }

    /// Takes what a retry after a failure of `kind` costs; nothing if it is too much.
    pub(super) fn withdraw(&self, kind: Kind) -> Option<u32> {
        let cost = self.settings.prices.of(kind);
        let take = |tokens: u32| tokens.checked_sub(cost);
        self.tokens.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).ok()?;
        Some(cost)
    }

    /// Gives tokens back, never beyond the capacity. Where nothing fails the bucket is full, and only read.
    #[inline]
    pub(super) fn refund(&self, tokens: u32) {
        if self.available() < self.settings.capacity {
            self.fill(tokens);
        }
    }

    #[cold]
    fn fill(&self, tokens: u32) {
        let give = |there: u32| Some(there.saturating_add(tokens).min(self.settings.capacity));
        let _ = self.tokens.fetch_update(Ordering::Relaxed, Ordering::Relaxed, give);
    }

    #[inline]
    pub(super) fn available(&self) -> u32 {
        self.tokens.load(Ordering::Relaxed)
    }
}

#[cfg(all(test, buttress_loom))]
mod model {
    use loom::sync::Arc;
    use loom::thread;

    use super::*;

    /// [S14] whatever takes and gives at once: no token is taken twice, none is lost, there are never too many.
    #[test]
    fn tokens_are_kept() {
        loom::model(|| {
            let bucket = Arc::new(TokenBucket::new(TokenBudget::new(10)));
            let call = |bucket: Arc<TokenBucket>| {
                thread::spawn(move || {
                    let taken = bucket.withdraw(Kind::Unavailable)?;
                    assert!(bucket.available() <= 10 - taken);
                    bucket.refund(taken);
                    bucket.withdraw(Kind::Unavailable)
                })
            };
            let calls = [call(Arc::clone(&bucket)), call(Arc::clone(&bucket))];
            let taken: u32 = calls.into_iter().filter_map(|call| call.join().unwrap()).sum();
            assert_eq!(bucket.available(), 10 - taken);
            bucket.refund(100);
            assert_eq!(bucket.available(), 10);
        });
    }
}
