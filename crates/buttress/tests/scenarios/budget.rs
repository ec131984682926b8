//! The budgets of `retry.json`.

use std::time::Duration;

use serde::Deserialize;

use crate::api::{self, ConfigError, Kind, Reservation};
use crate::suite::Outcome;

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Budget {
    Tokens { capacity: u32, retry_cost: u32, timeout_cost: u32, throttle_cost: u32 },
    Ratio { ttl_ms: u64, min_per_sec: u32, ratio: f64 },
}

/// What is asked of a budget without an operation.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Ask {
    Deposit(Deposit),
    Withdraw(Withdraw),
    Both(Both),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Deposit {
    at_ms: u64,
    deposit: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Withdraw {
    at_ms: u64,
    withdraw: u32,
    granted: [usize; 2],
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Both {
    at_ms: u64,
    deposit_then_withdraw: u32,
    granted: [usize; 2],
}

impl Budget {
    pub(crate) fn build(&self) -> Result<api::Budget, ConfigError> {
        match *self {
            Self::Tokens { capacity, retry_cost, timeout_cost, throttle_cost } => {
                api::Budget::tokens(capacity)
                    .retry_cost(retry_cost)
                    .timeout_cost(timeout_cost)
                    .throttle_cost(throttle_cost)
                    .build()
            }
            Self::Ratio { ttl_ms, min_per_sec, ratio } => api::Budget::ratio(ratio)
                .min_per_second(min_per_sec)
                .over(Duration::from_millis(ttl_ms))
                .build(),
        }
    }
}

impl Ask {
    pub(crate) const fn at_ms(&self) -> u64 {
        match self {
            Self::Deposit(Deposit { at_ms, .. })
            | Self::Withdraw(Withdraw { at_ms, .. })
            | Self::Both(Both { at_ms, .. }) => *at_ms,
        }
    }

    pub(crate) fn run(&self, budget: &api::Budget) -> Outcome {
        let withdraw = || budget.withdraw(Kind::Unavailable).map(Reservation::spend).is_some();
        match *self {
            Self::Deposit(Deposit { deposit, .. }) => {
                (0..deposit).for_each(|_| budget.deposit());
                Ok(())
            }
            Self::Withdraw(Withdraw { withdraw: n, granted, .. }) => {
                within(granted, (0..n).filter(|_| withdraw()).count())
            }
            Self::Both(Both { deposit_then_withdraw: n, granted, .. }) => {
                let pair = || {
                    budget.deposit();
                    withdraw()
                };
                within(granted, (0..n).filter(|_| pair()).count())
            }
        }
    }
}

fn within([low, high]: [usize; 2], granted: usize) -> Outcome {
    if (low..=high).contains(&granted) {
        Ok(())
    } else {
        Err(format!("granted: expected {low}..={high}, got {granted}"))
    }
}
