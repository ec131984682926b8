//! `Budget`: how many retries a whole program may make, whatever each call's policy allows.

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

use costs::Prices;
pub use ratio::RatioBudget;
use ratio::RatioWindow;
pub use stats::BudgetStats;
use stats::Counts;
use tokens::TokenBucket;
pub use tokens::TokenBudget;

/// Bounds the retries of all calls together, so that an outage is not answered with a storm.
///
/// A handle: clones share one budget, and one budget can be given to many policies. A retry is reserved before its
/// wait and given back if the attempt never starts. A spent budget rejects nothing: it only ends the retries.
///
/// Each layer counts the requests that it sees, so layers that are nested in each other need budgets of their own: one
/// that they share would count a request several times.
///
/// The default is a [ratio](RatioBudget) of 20 % of the requests plus 2 retries per second, over 10 s: that page has the bound
/// as a formula.
#[derive(Clone)]
pub struct Budget(Arc<Shared>);

struct Shared {
    rule: Rule,
    counts: Counts,
}

/// A policy that is built for each call has a budget for each call, which bounds nothing: enough of them are reported.
impl Drop for Shared {
    fn drop(&mut self) {
        let stats = self.counts.read();
        if let Rule::Ratio(window) = &self.rule
            && stats.spent + stats.refused > 0
            && window.counted() == 1
        {
            per_call::dropped();
        }
    }
}

#[expect(
    clippy::large_enum_variant,
    reason = "one for a whole program, and each call follows one pointer less"
)]
enum Rule {
    Ratio(RatioWindow),
    Tokens(TokenBucket),
}

impl Budget {
    fn new(rule: Rule) -> Self {
        Self(Arc::new(Shared { rule, counts: Counts::default() }))
    }

    /// Retries per request, 0.0 to 1000.0: see [`RatioBudget`]. Default: 0.2, plus 2 per second, over 10 s.
    pub const fn ratio(ratio: f64) -> RatioBudget {
        RatioBudget::new(ratio)
    }

    /// A bucket of tokens that retries take and successes give back: see [`TokenBudget`]. Any number, of which fewer than
    /// a retry costs allow none. Default: 500 tokens.
    pub const fn tokens(capacity: u32) -> TokenBudget {
        TokenBudget::new(capacity)
    }

    /// Counts a request. A retry layer does this for every call; of interest only to those who send requests
    /// themselves.
    pub fn deposit(&self) {
        self.deposit_at(Instant::now());
    }

    #[inline]
    pub(crate) fn deposit_at(&self, now: Instant) {
        if let Rule::Ratio(window) = &self.0.rule {
            window.deposit(now);
        }
    }

    /// Does a request cost a look at the clock?
    pub(crate) fn needs_clock(&self) -> bool {
        matches!(&self.0.rule, Rule::Ratio(_))
    }

    /// Does a success give it anything?
    pub(crate) fn counts_successes(&self) -> bool {
        matches!(&self.0.rule, Rule::Tokens(_))
    }

    /// Asks for one retry after a failure of `kind`. None: the budget is spent. What is not
    /// [spent](Reservation::spend) is given back when dropped.
    #[must_use]
    pub fn withdraw(&self, kind: Kind) -> Option<Reservation> {
        self.withdraw_at(kind, Instant::now())
    }

    pub(crate) fn withdraw_at(&self, kind: Kind, now: Instant) -> Option<Reservation> {
        let taken = match &self.0.rule {
            Rule::Ratio(window) => window.withdraw(now, kind).map(Taken::Slot),
            Rule::Tokens(bucket) => bucket.withdraw(kind).map(Taken::Tokens),
        };
        if taken.is_none() {
            self.0.counts.refused();
        }
        taken.map(|taken| Reservation { budget: self.clone(), taken: Some(taken) })
    }

    /// Counts the success of a call: its first attempt's, or that of the retry that cost `spent`.
    #[inline]
    pub(crate) fn succeeded(&self, spent: Option<Spent>) {
        if let Rule::Tokens(bucket) = &self.0.rule {
            bucket.refund(spent.map_or(1, |spent| spent.0));
        }
    }

    /// The retries that the budget would grant now, priced 1 each; or the tokens in the bucket.
    #[must_use]
    pub fn available(&self) -> u32 {
        match &self.0.rule {
            Rule::Ratio(window) => window.available(Instant::now()),
            Rule::Tokens(bucket) => bucket.available(),
        }
    }

    /// What it has done, for metrics. The handle that a policy has made for itself is
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
        self.0.counts.read()
    }
}

/// The default: 20 % of the requests, plus 2 per second, over 10 s.
impl Default for Budget {
    fn default() -> Self {
        Self::new(Rule::Ratio(RatioBudget::default().window()))
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.0.rule {
            Rule::Ratio(_) => "ratio",
            Rule::Tokens(_) => "tokens",
        };
        f.debug_struct("Budget").field("kind", &kind).field("available", &self.available()).finish()
    }
}

/// One granted retry: [spent](Self::spend) when its attempt starts, given back when dropped before.
#[derive(Debug)]
#[must_use = "a dropped reservation gives the retry back"]
pub struct Reservation {
    budget: Budget,
    taken: Option<Taken>,
}

#[derive(Clone, Copy, Debug)]
enum Taken {
    /// From the ratio window: the slot, and what.
    Slot((u64, u32)),
    Tokens(u32),
}

/// Tokens that the last retry cost, to be given back if it succeeds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spent(u32);

impl Reservation {
    /// The attempt starts: nothing is given back.
    pub fn spend(self) {
        let _ = self.into_spent();
    }

    pub(crate) fn into_spent(mut self) -> Spent {
        self.budget.0.counts.spent();
        match self.taken.take() {
            Some(Taken::Tokens(tokens)) => Spent(tokens),
            _ => Spent(0),
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        match (self.taken, &self.budget.0.rule) {
            (Some(Taken::Slot(slot)), Rule::Ratio(window)) => window.give_back(slot),
            (Some(Taken::Tokens(tokens)), Rule::Tokens(bucket)) => bucket.refund(tokens),
            _ => {}
        }
    }
}
