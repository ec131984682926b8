//! The attempt timeout: around a service that answers at once, and one that has to be waited for.

use std::time::Duration;

use tower::timeout::TimeoutLayer;
use tower::{Layer, Service};
use tower_resilience_timelimiter::TimeLimiterLayer;

use super::bare;
use crate::case::{BARE, Case, Subject};
use crate::drive::{Ends, calls};
use crate::peers;
use crate::service::{self, Failure};

pub(super) const CASES: [Case; 2] = [
    Case {
        name: "timeout/ready",
        subjects: || vec![bare(), tower(service::prompt()), tower_resilience(service::prompt())],
    },
    Case {
        name: "timeout/pending",
        subjects: || {
            let bare = Subject::new(BARE, calls(service::tardy(), Ends::Well));
            vec![bare, tower(service::tardy()), tower_resilience(service::tardy())]
        },
    },
];

const LIMIT: Duration = Duration::from_secs(10);

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
