//! A whole client stack around a service that answers at once.

use std::time::Duration;

use tower::ServiceBuilder;
use tower::timeout::TimeoutLayer;

use super::{bare, breaker, retry, timeout};
use crate::case::{Case, Subject};
use crate::drive::{Ends, calls};
use crate::peers;
use crate::service;

pub(super) const CASES: [Case; 1] =
    [Case { name: "client", subjects: || vec![bare(), tower(), tower_resilience()] }];

const DEADLINE: Duration = Duration::from_secs(30);
const ATTEMPT: Duration = Duration::from_secs(10);

/// What tower has of such a stack: deadline, retry with a ratio budget, attempt timeout. No breaker, no context.
fn tower() -> Subject {
    let service = ServiceBuilder::new()
        .layer(TimeoutLayer::new(DEADLINE))
        .retry(retry::Attempts { left: 3, budget: Some(retry::ratio_budget()) })
        .layer(TimeoutLayer::new(ATTEMPT))
        .service(service::prompt());
    Subject::new(peers::tower(), calls(service, Ends::Well))
}

/// Deadline, retry with a token budget, breaker with a window of 100, attempt timeout. No context, no log.
fn tower_resilience() -> Subject {
    let service = ServiceBuilder::new()
        .layer(timeout::tower_resilience_layer(DEADLINE))
        .layer(retry::tower_resilience_layer(true))
        .layer(breaker::tower_resilience().sliding_window_size(100).build().expect("valid settings"))
        .layer(timeout::tower_resilience_layer(ATTEMPT))
        .service(service::prompt());
    Subject::new(peers::tower_resilience(), calls(service, Ends::Well))
}
