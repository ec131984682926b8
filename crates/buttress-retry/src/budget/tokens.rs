//! A bucket of tokens: retries take, successes give back.

use std::sync::{Arc, Mutex};

use buttress_error::{ConfigError, Kind};

use super::{Budget, Prices, Rule};

/// Settings of a budget whose retries cost tokens, priced by the failure; successes give them back.
///
/// A retry that succeeds gives back what it cost; a success at the first attempt gives one token. It needs no clock.
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
        Ok(Budget(Arc::new(Rule::Tokens(Mutex::new(TokenBucket { settings: self, tokens: self.capacity })))))
    }
}

/// The bucket as a plain value.
#[derive(Debug)]
pub(super) struct TokenBucket {
    settings: TokenBudget,
    tokens: u32,
}

impl TokenBucket {
    /// Takes what a retry after a failure of `kind` costs; nothing if it is too much.
    pub(super) fn withdraw(&mut self, kind: Kind) -> Option<u32> {
        let cost = self.settings.prices.of(kind);
        self.tokens = self.tokens.checked_sub(cost)?;
        Some(cost)
    }

    /// Gives tokens back, never beyond the capacity.
    pub(super) fn refund(&mut self, tokens: u32) {
        self.tokens = self.tokens.saturating_add(tokens).min(self.settings.capacity);
    }

    pub(super) const fn available(&self) -> u32 {
        self.tokens
    }
}
