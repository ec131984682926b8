//! The breaker as a tower layer: closed with each kind of window, and open.

use std::time::Duration;

use tower::Layer;
use tower_resilience_circuitbreaker::{
    CircuitBreakerConfigBuilder, CircuitBreakerHandle, CircuitBreakerLayer, DefaultClassifier,
    SlidingWindowType,
};

use super::bare;
use crate::case::{Case, Subject};
use crate::drive::{Ends, calls, drive};
use crate::peers;
use crate::service;

pub(super) const CASES: [Case; 7] = [
    Case { name: "breaker/consecutive", subjects: || vec![bare(), consecutive()] },
    Case { name: "breaker/count-10", subjects: || vec![bare(), count(10)] },
    Case { name: "breaker/count-100", subjects: || vec![bare(), count(100)] },
    Case { name: "breaker/count-10000", subjects: || vec![bare(), count(10_000)] },
    Case { name: "breaker/time-100-live", subjects: || vec![bare(), time(100)] },
    Case { name: "breaker/time-1000-live", subjects: || vec![bare(), time(1_000)] },
    Case { name: "breaker/open", subjects: || vec![bare(), open()] },
];

type Builder = CircuitBreakerConfigBuilder<DefaultClassifier>;

/// Opens at half of the calls failed, for 30 s. Without slow-call rule.
pub(super) fn tower_resilience() -> Builder {
    CircuitBreakerLayer::builder()
        .name("payments")
        .failure_rate_threshold(0.5)
        .wait_duration_in_open(Duration::from_secs(30))
}

fn closed(builder: Builder) -> Subject {
    let layer = builder.build().expect("valid settings");
    Subject::new(peers::tower_resilience(), calls(layer.layer(service::prompt()), Ends::Well))
}

fn consecutive() -> Subject {
    closed(tower_resilience().consecutive_failures(5))
}

fn count(calls: usize) -> Subject {
    closed(tower_resilience().sliding_window_size(calls))
}

/// Its time window keeps a record per call, so its cost depends on how many are alive. The window is far longer
/// than a batch and is emptied as often as it takes to have so many alive on average. (A reset alone keeps the
/// records of a closed circuit. Both together cost a call 1 to 2 ns and 0.01 allocations at 100 alive.)
fn time(live: u64) -> Subject {
    let (layer, handle) = handled(
        tower_resilience()
            .sliding_window_type(SlidingWindowType::TimeBased)
            .sliding_window_duration(Duration::from_secs(3_600)),
    );
    let mut call = calls(layer.layer(service::prompt()), Ends::Well);
    let mut alive = 0;
    Subject::new(peers::tower_resilience(), move |mut n| {
        while n > 0 {
            if alive == 2 * live {
                drive(handle.force_open());
                drive(handle.reset());
                alive = 0;
            }
            let some = n.min(2 * live - alive);
            call(some);
            alive += some;
            n -= some;
        }
    })
}

/// Refuses every call; its recovery is a day away.
fn open() -> Subject {
    let (layer, handle) = handled(tower_resilience().wait_duration_in_open(Duration::from_secs(86_400)));
    drive(handle.force_open());
    Subject::new(peers::tower_resilience(), calls(layer.layer(service::prompt()), Ends::Badly))
}

fn handled(
    builder: Builder,
) -> (CircuitBreakerLayer<DefaultClassifier>, CircuitBreakerHandle<DefaultClassifier>) {
    builder.build_with_handle().expect("valid settings")
}
