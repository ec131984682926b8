//! The attempt timeout and the deadline: around a service that answers at once, and one that has to be waited for.

use std::time::Duration;

use buttress::{AttemptTimeoutLayer, DeadlineLayer};
use tower::timeout::TimeoutLayer;
use tower::{Layer, Service};
use tower_resilience_timelimiter::TimeLimiterLayer;

use super::bare;
use crate::case::{BARE, Case, OURS, Subject};
use crate::drive::{Ends, calls};
use crate::peers;
use crate::service::{self, Failure};

pub(super) const CASES: [Case; 2] = [
    Case {
        name: "timeout/ready",
        subjects: || {
            let ours = ours(service::prompt).into_iter();
            let peers = [tower(service::prompt()), tower_resilience(service::prompt())];
            [bare()].into_iter().chain(ours).chain(peers).collect()
        },
    },
    Case {
        name: "timeout/pending",
        subjects: || {
            let bare = Subject::new(BARE, calls(service::tardy(), Ends::Well));
            let peers = [tower(service::tardy()), tower_resilience(service::tardy())];
            [bare].into_iter().chain(ours(service::tardy)).chain(peers).collect()
        },
    },
];

const LIMIT: Duration = Duration::from_secs(10);

/// The attempt timeout, also with a name, as the client stack has it; and the deadline, which the call can read.
fn ours<S>(service: fn() -> S) -> [Subject; 3]
where
    S: Service<u64, Response = u64, Error = Failure> + Send + 'static,
{
    let attempt = AttemptTimeoutLayer::new(LIMIT);
    let named = attempt.clone().named("payments");
    let deadline = DeadlineLayer::new(LIMIT).layer(service());
    [
        Subject::new(OURS, calls(attempt.layer(service()), Ends::Well)),
        Subject::new(format!("{OURS}/named"), calls(named.layer(service()), Ends::Well)),
        Subject::new(format!("{OURS}/deadline"), calls(deadline, Ends::Well)),
    ]
}

fn tower<S>(service: S) -> Subject
where
    S: Service<u64, Error = Failure> + Send + 'static,
{
    Subject::new(peers::tower(), calls(TimeoutLayer::new(LIMIT).layer(service), Ends::Well))
}

fn tower_resilience<S>(service: S) -> Subject
where
    S: Service<u64, Response = u64, Error = Failure, Future: Send> + Clone + Send + 'static,
{
    Subject::new(peers::tower_resilience(), calls(tower_resilience_layer(LIMIT).layer(service), Ends::Well))
}

/// Drops the inner call when time is up, its default.
pub(super) fn tower_resilience_layer(limit: Duration) -> TimeLimiterLayer {
    TimeLimiterLayer::builder().name("payments").timeout_duration(limit).build()
}
