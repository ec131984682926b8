//! Three layers: timeout(breaker(retry(service))).

use std::time::Duration;

use buttress::breaker::Window;
use buttress::{AttemptTimeoutLayer, BreakerLayer, RetryLayer};
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
    let service = ServiceBuilder::new()
        .layer(AttemptTimeoutLayer::new(LIMIT))
        .layer(BreakerLayer::new(breaker::breaker(Window::count(100))))
        .layer(retry_layer())
        .service(service::prompt());
    Subject::new(OURS, calls(service, Ends::Well))
}

/// With a breaker and a retry that are kept for ever, as in stacks that live as long as the program.
fn ours_leaked() -> Subject {
    let service = ServiceBuilder::new()
        .layer(AttemptTimeoutLayer::new(LIMIT))
        .layer(BreakerLayer::new(breaker::breaker(Window::count(100)).leak()))
        .layer(retry_layer())
        .service(service::prompt());
    Subject::new(breaker::leaked_name(), calls(service, Ends::Well))
}

/// Four attempts, no retry budget; the breaker has a count window of 100.
fn retry_layer() -> RetryLayer {
    RetryLayer::new(retry::policy(None)).assume_idempotent()
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
