//! Three layers: timeout(breaker(retry(service))).

use std::time::Duration;

use buttress::breaker::Window;
use buttress::{AttemptTimeoutLayer, Breaker, BreakerLayer, RetryLayer};
use tower::ServiceBuilder;

use super::{bare, breaker, retry, timeout};
use crate::case::{Case, OURS, Subject};
use crate::drive::{Ends, calls};
use crate::peers;
use crate::service::{self, Failure};

pub(super) const CASES: [Case; 1] =
    [Case { name: "stack", subjects: || vec![bare(), ours(), ours_leaked(), tower_resilience()] }];

const LIMIT: Duration = Duration::from_secs(10);

fn ours() -> Subject {
    subject(OURS.to_owned(), breaker::breaker(Window::count(100)))
}

/// With a breaker that is kept for ever, as the ready-made stack does.
fn ours_leaked() -> Subject {
    subject(breaker::leaked_name(), breaker::breaker(Window::count(100)).leak())
}

/// Count window of 100, four attempts, no retry budget.
fn subject(name: String, breaker: Breaker) -> Subject {
    let service = ServiceBuilder::new()
        .layer(AttemptTimeoutLayer::new(LIMIT))
        .layer(BreakerLayer::new(breaker))
        .layer(RetryLayer::new(retry::policy(None)).assume_idempotent())
        .service(service::prompt());
    Subject::new(name, calls(service, Ends::Well))
}

/// The same.
fn tower_resilience() -> Subject {
    let service = ServiceBuilder::new()
        .layer(timeout::tower_resilience_layer(LIMIT))
        .layer(breaker::tower_resilience().sliding_window_size(100).build().expect("valid settings"))
        .layer(retry::tower_resilience_layer::<Failure>(false))
        .service(service::prompt());
    Subject::new(peers::tower_resilience(), calls(service, Ends::Well))
}
