//! A whole client stack around a service that answers at once.

use std::time::Duration;

use tower::timeout::TimeoutLayer;
use tower::{Layer, ServiceBuilder};
use tracing::level_filters::LevelFilter;

use super::{bare, breaker, call_log, retry, timeout};
use crate::case::{Case, OURS, Subject};
use crate::drive::{Ends, calls};
use crate::peers;
use crate::service;

pub(super) const CASES: [Case; 2] = [
    Case { name: "client", subjects: || vec![bare(), ours(), tower(), tower_resilience()] },
    // Apart from the other: who listens to one log makes every thread look for one.
    Case {
        name: "client-logged",
        subjects: || vec![bare(), logged(LevelFilter::INFO), logged(LevelFilter::DEBUG)],
    },
];

const DEADLINE: Duration = Duration::from_secs(30);
const ATTEMPT: Duration = Duration::from_secs(10);

/// The defaults: context, log (nobody listens), deadline, retry with a ratio budget, breaker with a time window,
/// attempt timeout.
fn ours() -> Subject {
    Subject::new(OURS, our_calls())
}

fn logged(level: LevelFilter) -> Subject {
    call_log::listened(level, our_calls())
}

fn our_calls() -> impl FnMut(u64) + Send + 'static {
    let layer = buttress::client("payments")
        .deadline(DEADLINE)
        .attempt_timeout(ATTEMPT)
        .build()
        .expect("good settings");
    calls(layer.layer(service::prompt()), Ends::Well)
}

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
