//! A bucket of tokens, which retries take and successes give back.

use buttress_error::{ConfigError, Kind};

use super::costs::RetryCosts;
use super::{Algorithm, Budget};
use crate::sync::{AtomicU32, Ordering};

/// Settings of a budget whose retries cost tokens, by the kind of the failure. Successes give tokens back.
///
/// A retry that succeeds gives back what it cost; a success at the first attempt gives one token. It reads no clock.
///
/// # It is not a cap of n %
/// If the share `f` of the attempts fails, first successes pay in the long run for
///
/// ```text
/// retries per call ≤ (1 − f) / (cost · f)
/// ```
///
/// With a cost of 5 that is 1.8 at `f` = 10 %, 0.2 at 50 % and 0.02 at 90 %. So the bucket limits retries in an outage, and
/// hardly otherwise. (A full bucket pays for `capacity / cost` more failed retries.) For a bound that holds at every failure
/// rate use a [`RatioBudget`](super::RatioBudget).
///
/// The scheme and its costs are those of the AWS SDKs'
/// [standard retry mode](https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html).
#[derive(Clone, Copy, Debug)]
#[must_use = "`build` makes the budget"]
pub struct TokenBudget {
    capacity: u32,
    costs: RetryCosts,
}

impl Default for TokenBudget {
    fn default() -> Self {
        Self::new(500)
    }
}

impl TokenBudget {
    pub(super) const fn new(capacity: u32) -> Self {
        Self { capacity, costs: RetryCosts { retry: 5, timeout: 10, throttle: 5 } }
    }

    /// Sets the tokens that a retry costs: 1 or more. Default: 5.
    pub const fn retry_cost(mut self, tokens: u32) -> Self {
        self.costs.retry = tokens;
        self
    }

    /// Sets the tokens that a retry after a timeout costs: 1 or more. Default: 10.
    pub const fn timeout_cost(mut self, tokens: u32) -> Self {
        self.costs.timeout = tokens;
        self
    }

    /// Sets the tokens that a retry after a throttle costs: 1 or more. Default: 5.
    pub const fn throttle_cost(mut self, tokens: u32) -> Self {
        self.costs.throttle = tokens;
        self
    }

    /// Builds the budget, which starts full.
    ///
    /// # Errors
    /// If a cost is zero.
    pub fn build(self) -> Result<Budget, ConfigError> {
        self.costs.check()?;
        Ok(Budget::new(Algorithm::Tokens(TokenBucket::new(self))))
    }
}

/// Every access is relaxed, as no other data depends on the number of tokens.
#[derive(Debug)]
pub(super) struct TokenBucket {
    settings: TokenBudget,
    tokens: AtomicU32,
}

impl TokenBucket {
    fn new(settings: TokenBudget) -> Self {
        Self { settings, tokens: AtomicU32::new(settings.capacity) }
    }

    /// Takes the cost of a retry after a failure of `kind`, if there are enough tokens.
    pub(super) fn withdraw(&self, kind: Kind) -> Option<u32> {
        let cost = self.settings.costs.of(kind);
        let take = |tokens: u32| tokens.checked_sub(cost);
        self.tokens.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).ok()?;
        Some(cost)
    }

    /// Gives tokens back, up to the capacity. A full bucket is only read.
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

    /// [S14] However calls take and give tokens, no token is taken twice, none is lost, and there are never too many.
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
