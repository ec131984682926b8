//! The attempt timeout and the deadline: around a service that responds at once, and around one that is pending first.

use std::time::Duration;

use buttress::{AttemptTimeoutLayer, DeadlineLayer};
use tower::Layer;
use tower::timeout::TimeoutLayer;
use tower_resilience_timelimiter::TimeLimiterLayer;

use crate::case::{BARE, Case, OURS, Subject, named, with_each_error};
use crate::drive::{Ends, calls};
use crate::peers;
use crate::service::{Failure, Inner, prompt, tardy};

pub(super) const CASES: [Case; 2] = [
    Case { name: "timeout/ready", subjects: || with_each_error!(ready()) },
    Case { name: "timeout/pending", subjects: || with_each_error!(pending()) },
];

pub(crate) const LIMIT: Duration = Duration::from_secs(10);

fn ready<E: Failure>() -> Vec<Subject> {
    rows(prompt::<E>)
}

fn pending<E: Failure>() -> Vec<Subject> {
    rows(tardy::<E>)
}

fn rows<E: Failure, S: Inner<E>>(service: fn() -> S) -> Vec<Subject> {
    let attempt = AttemptTimeoutLayer::new(LIMIT);
    // As the client stack has it.
    let with_name = attempt.clone().named("payments");
    // Inner calls can read it.
    let deadline = DeadlineLayer::new(LIMIT);
    vec![
        Subject::new(named::<E>(BARE), calls(service(), Ends::Well)),
        Subject::new(named::<E>(OURS), calls(attempt.layer(service()), Ends::Well)),
        Subject::new(named::<E>(format!("{OURS}/named")), calls(with_name.layer(service()), Ends::Well)),
        Subject::new(named::<E>(format!("{OURS}/deadline")), calls(deadline.layer(service()), Ends::Well)),
        Subject::new(
            named::<E>(peers::tower()),
            calls(TimeoutLayer::new(LIMIT).layer(service()), Ends::Well),
        ),
        Subject::new(
            named::<E>(peers::tower_resilience()),
            calls(tower_resilience_layer(LIMIT).layer(service()), Ends::Well),
        ),
    ]
}

/// Drops the inner call when time is up, its default.
pub(crate) fn tower_resilience_layer(limit: Duration) -> TimeLimiterLayer {
    TimeLimiterLayer::builder().name("payments").timeout_duration(limit).build()
}
