//! Three layers: timeout(breaker(retry(service))).

use std::time::Duration;

use tower::ServiceBuilder;

use super::{bare, breaker, retry, timeout};
use crate::case::{Case, Subject};
use crate::drive::{Ends, calls};
use crate::peers;
use crate::service::{self, Failure};

pub(super) const CASES: [Case; 1] = [Case { name: "stack", subjects: || vec![bare(), tower_resilience()] }];

/// Count window of 100, four attempts, no retry budget.
fn tower_resilience() -> Subject {
    let service = ServiceBuilder::new()
        .layer(timeout::tower_resilience_layer(Duration::from_secs(10)))
        .layer(breaker::tower_resilience().sliding_window_size(100).build().expect("valid settings"))
        .layer(retry::tower_resilience_layer::<Failure>(false))
        .service(service::prompt());
    Subject::new(peers::tower_resilience(), calls(service, Ends::Well))
}
