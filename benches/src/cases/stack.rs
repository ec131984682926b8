//! Three layers: timeout(breaker(retry(service))).

use std::time::Duration;

use buttress::breaker::Window;
use buttress::{AttemptTimeoutLayer, BreakerLayer, RetryLayer};
use tower::{Service, ServiceBuilder};

use super::{bare, breaker, retry, timeout};
use crate::case::{Case, OURS, Subject, named, with_each_error};
use crate::drive::{Ends, calls};
use crate::peers;
use crate::service::{self, Failure, Inner};

pub(super) const CASES: [Case; 1] = [Case { name: "stack", subjects: || with_each_error!(stacks()) }];

const LIMIT: Duration = Duration::from_secs(10);

fn stacks<E: Failure>() -> Vec<Subject> {
    vec![
        bare::<E>(),
        Subject::new(named::<E>(OURS), calls(ours::<E>(), Ends::Well)),
        Subject::new(named::<E>(peers::tower_resilience()), calls(tower_resilience::<E>(), Ends::Well)),
    ]
}

/// Four attempts, no retry budget; the breaker has a count window of 100.
pub(crate) fn ours<E: Failure>() -> impl Inner<E> {
    ServiceBuilder::new()
        .layer(AttemptTimeoutLayer::new(LIMIT))
        .layer(BreakerLayer::new(breaker::breaker(Window::count(100))))
        .layer(RetryLayer::new(retry::policy(None)).assume_idempotent())
        .service(service::prompt::<E>())
}

/// The same. Each of its layers wraps the error type.
pub(crate) fn tower_resilience<E: Failure>()
-> impl Service<u64, Response = u64, Error: Send, Future: Send> + Clone + Send + 'static {
    ServiceBuilder::new()
        .layer(timeout::tower_resilience_layer(LIMIT))
        .layer(breaker::tower_resilience().sliding_window_size(100).build().expect("valid settings"))
        .layer(retry::tower_resilience_layer::<E>(false))
        .service(service::prompt::<E>())
}
