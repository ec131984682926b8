//! `Budget`: the bound on the retries of all calls together, whatever each call's policy allows.

mod costs;
mod per_call;
mod ratio;
mod requests;
mod stats;
mod tokens;

use std::fmt;
use std::sync::Arc;

use buttress_error::Kind;
use tokio::time::Instant;

pub use ratio::RatioBudget;
use ratio::{RatioWindow, Withdrawal};
pub use stats::BudgetStats;
use stats::Counters;
use tokens::TokenBucket;
pub use tokens::TokenBudget;

/// Bounds the retries of all calls together, so that an outage is not met with a storm of retries.
///
/// Clones share one budget, and one budget can be given to many policies. A retry is reserved before its wait, and given
/// back if its attempt never begins. An empty budget fails no call: it only ends the retries.
///
/// Each layer counts the requests that it receives. So nested layers need separate budgets, as a shared one would count a
/// request several times.
///
/// The default is a [ratio](RatioBudget) of 20 % of the requests plus 2 retries per second, over 10 s. The bound is given
/// there as a formula.
#[derive(Clone)]
pub struct Budget(Arc<Shared>);

struct Shared {
    algorithm: Algorithm,
    counters: Counters,
}

/// A policy that is built for each call has a budget for each call, which bounds nothing. If that happens often, it is
/// reported.
impl Drop for Shared {
    fn drop(&mut self) {
        let stats = self.counters.read();
        if let Algorithm::Ratio(window) = &self.algorithm
            && stats.spent + stats.refused > 0
            && window.total_requests() == 1
        {
            per_call::budget_dropped();
        }
    }
}

#[expect(
    clippy::large_enum_variant,
    reason = "a program has few budgets, and a box would cost each call an access"
)]
enum Algorithm {
    Ratio(RatioWindow),
    Tokens(TokenBucket),
}

impl Budget {
    fn new(algorithm: Algorithm) -> Self {
        Self(Arc::new(Shared { algorithm, counters: Counters::default() }))
    }

    /// Starts a budget of `ratio` retries per request, 0.0 to 1000.0: see [`RatioBudget`]. The default budget has 0.2, plus
    /// 2 retries per second, over 10 s.
    pub const fn ratio(ratio: f64) -> RatioBudget {
        RatioBudget::new(ratio)
    }

    /// Starts a budget of `capacity` tokens, which retries take and successes give back: see [`TokenBudget`]. A capacity
    /// below the cost of a retry allows none. [`TokenBudget::default`] has 500.
    pub const fn tokens(capacity: u32) -> TokenBudget {
        TokenBudget::new(capacity)
    }

    /// Counts a request. A retry layer does this for every call; use it only for requests that are sent in other ways.
    pub fn deposit(&self) {
        self.deposit_at(Instant::now());
    }

    #[inline]
    pub(crate) fn deposit_at(&self, now: Instant) {
        if let Algorithm::Ratio(window) = &self.0.algorithm {
            window.deposit(now);
        }
    }

    /// Returns `true` if each request has to read the clock.
    pub(crate) fn needs_clock(&self) -> bool {
        matches!(&self.0.algorithm, Algorithm::Ratio(_))
    }

    /// Returns `true` if successes give something back.
    pub(crate) fn counts_successes(&self) -> bool {
        matches!(&self.0.algorithm, Algorithm::Tokens(_))
    }

    /// Reserves one retry after a failure of `kind`, or returns `None` if the budget is empty. A reservation that is dropped
    /// before it is [spent](Reservation::spend) is given back.
    #[must_use]
    pub fn withdraw(&self, kind: Kind) -> Option<Reservation> {
        self.withdraw_at(kind, Instant::now())
    }

    pub(crate) fn withdraw_at(&self, kind: Kind, now: Instant) -> Option<Reservation> {
        let charge = match &self.0.algorithm {
            Algorithm::Ratio(window) => window.withdraw(now, kind).map(Charge::Window),
            Algorithm::Tokens(bucket) => bucket.withdraw(kind).map(Charge::Tokens),
        };
        if charge.is_none() {
            self.0.counters.add_refused();
        }
        charge.map(|charge| Reservation { budget: self.clone(), charge: Some(charge) })
    }

    /// Counts the success of a call: of its first attempt, or of the retry that cost `spent`.
    #[inline]
    pub(crate) fn succeeded(&self, spent: Option<SpentTokens>) {
        if let Algorithm::Tokens(bucket) = &self.0.algorithm {
            bucket.refund(spent.map_or(1, |spent| spent.0));
        }
    }

    /// Returns the number of retries of cost 1 that a ratio budget would grant now, or the tokens in the bucket.
    #[must_use]
    pub fn available(&self) -> u32 {
        match &self.0.algorithm {
            Algorithm::Ratio(window) => window.available(Instant::now()),
            Algorithm::Tokens(bucket) => bucket.available(),
        }
    }

    /// Returns the counts since the budget was made, for metrics. A policy's own budget is returned by
    /// [`Policy::budget`](crate::Policy::budget).
    ///
    /// ```
    /// use buttress_error::{Error, Kind};
    /// use buttress_retry::{Budget, Policy, retry};
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let budget = Budget::tokens(10).build()?; // two retries
    /// let policy = Policy::exponential().max_attempts(5).budget(budget.clone()).build()?;
    /// let outcome = retry(&policy, || async { Err::<(), _>(Error::new(Kind::Unavailable, "closed")) }).await;
    ///
    /// assert!(outcome.is_err());
    /// assert_eq!((budget.stats().spent, budget.stats().refused), (2, 1));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn stats(&self) -> BudgetStats {
        self.0.counters.read()
    }
}

/// 20 % of the requests, plus 2 retries per second, over 10 s.
impl Default for Budget {
    fn default() -> Self {
        Self::new(Algorithm::Ratio(RatioBudget::default().window()))
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.0.algorithm {
            Algorithm::Ratio(_) => "ratio",
            Algorithm::Tokens(_) => "tokens",
        };
        f.debug_struct("Budget").field("kind", &kind).field("available", &self.available()).finish()
    }
}

/// One granted retry. Call [`spend`](Self::spend) when its attempt begins; dropped before that, it is given back.
#[derive(Debug)]
#[must_use = "a dropped reservation gives the retry back"]
pub struct Reservation {
    budget: Budget,
    /// None once it is spent.
    charge: Option<Charge>,
}

#[derive(Clone, Copy, Debug)]
enum Charge {
    Window(Withdrawal),
    Tokens(u32),
}

/// The tokens that the latest retry cost. They are refunded if it succeeds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SpentTokens(u32);

impl Reservation {
    /// Spends the retry, because its attempt begins.
    pub fn spend(self) {
        let _ = self.into_spent();
    }

    pub(crate) fn into_spent(mut self) -> SpentTokens {
        self.budget.0.counters.add_spent();
        match self.charge.take() {
            Some(Charge::Tokens(tokens)) => SpentTokens(tokens),
            _ => SpentTokens(0),
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        match (self.charge, &self.budget.0.algorithm) {
            (Some(Charge::Window(withdrawal)), Algorithm::Ratio(window)) => window.give_back(withdrawal),
            (Some(Charge::Tokens(tokens)), Algorithm::Tokens(bucket)) => bucket.refund(tokens),
            _ => {}
        }
    }
}
