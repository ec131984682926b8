//! Two threads on one service: each with a clone of its own, and each with a new clone for every call.
//!
//! Every subject has a row of one thread alone. The row `/apart` is of two threads that share nothing, which is what the
//! machine can do: about 2.0 when it is quiet.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use buttress::breaker::Window;
use buttress::{
    AttemptTimeoutLayer, Body, Breaker, BreakerLayer, ContextLayer, DeadlineLayer, HttpLayer, LogLayer,
    RetryLayer, TranslateLayer,
};
use failsafe::backoff::constant;
use failsafe::failure_policy::consecutive_failures;
use failsafe::{CircuitBreaker, Config};
use recloser::Recloser;
use tower::retry::RetryLayer as TowerRetryLayer;
use tower::timeout::TimeoutLayer;
use tower::{Layer, Service};

use super::timeout::LIMIT;
use super::{breaker, breaker_bare, client, http, retry, stack, timeout};
use crate::case::{APART, BARE, Case, OURS, Subject};
use crate::drive::{Ends, calls_with, cloned_calls};
use crate::peers;
use crate::service::{App, prompt};

pub(super) const CASES: [Case; 13] = [
    Case { name: "threads/bare", subjects: || clones(BARE, prompt::<App>) },
    Case {
        name: "threads/retry",
        subjects: || {
            let mut rows = clones_and_cloned(OURS, || {
                RetryLayer::new(retry::policy(None)).assume_idempotent().layer(prompt::<App>())
            });
            rows.extend(clones_and_cloned(peers::tower(), || {
                let layer = TowerRetryLayer::new(retry::Attempts { left: 3, budget: None });
                layer.layer(prompt::<App>())
            }));
            rows.extend(clones_and_cloned(peers::tower_resilience(), || {
                retry::tower_resilience_layer(false).layer(prompt::<App>())
            }));
            rows
        },
    },
    Case {
        name: "threads/retry-ratio-budget",
        subjects: || {
            let mut rows = clones_and_cloned(OURS, || {
                RetryLayer::new(retry::policy(Some(buttress::Budget::default())))
                    .assume_idempotent()
                    .layer(prompt::<App>())
            });
            rows.extend(clones_and_cloned(peers::tower(), || {
                let budget = Some(retry::ratio_budget());
                TowerRetryLayer::new(retry::Attempts { left: 3, budget }).layer(prompt::<App>())
            }));
            rows
        },
    },
    Case {
        name: "threads/breaker",
        subjects: || {
            let mut rows = clones_and_cloned(OURS, || our_breaker(count));
            rows.extend(clones_and_cloned(format!("{OURS}/time"), || our_breaker(time)));
            rows.extend(clones_and_cloned(format!("{OURS}/consecutive"), || our_breaker(consecutive)));
            rows.extend(clones_and_cloned(peers::tower_resilience(), || {
                let layer = breaker::tower_resilience().sliding_window_size(100).build();
                layer.expect("valid settings").layer(prompt::<App>())
            }));
            rows
        },
    },
    Case {
        name: "threads/breaker-bare",
        subjects: || {
            let mut rows = ours_bare(OURS.to_owned(), count);
            rows.extend(ours_bare(format!("{OURS}/time"), time));
            rows.extend(ours_bare(format!("{OURS}/consecutive"), consecutive));
            rows.extend(failsafe());
            rows.extend(recloser());
            rows
        },
    },
    Case {
        name: "threads/attempt-timeout",
        subjects: || {
            let mut rows = clones_and_cloned(OURS, || {
                AttemptTimeoutLayer::new(LIMIT).named("payments").layer(prompt::<App>())
            });
            rows.extend(clones_and_cloned(peers::tower(), || {
                TimeoutLayer::new(LIMIT).layer(prompt::<App>())
            }));
            rows.extend(clones_and_cloned(peers::tower_resilience(), || {
                timeout::tower_resilience_layer(LIMIT).layer(prompt::<App>())
            }));
            rows
        },
    },
    Case {
        name: "threads/deadline",
        subjects: || {
            clones_and_cloned(OURS, || DeadlineLayer::new(LIMIT).named("payments").layer(prompt::<App>()))
        },
    },
    Case {
        name: "threads/translate",
        subjects: || clones_and_cloned(OURS, || TranslateLayer::new("payments").layer(prompt::<App>())),
    },
    Case {
        name: "threads/http",
        subjects: || {
            let make = || HttpLayer::new("payments").layer(http::Prompt);
            let mut rows = rows(OURS, || {
                let service = make();
                move || calls_with(service.clone(), Ends::Well, http::request::<Body>())
            });
            rows.extend(self::rows(format!("{OURS}/cloned"), || {
                let service = make();
                move || cloned_calls(service.clone(), http::request::<Body>())
            }));
            rows
        },
    },
    Case {
        name: "threads/context",
        subjects: || clones_and_cloned(OURS, || ContextLayer::new().layer(prompt::<App>())),
    },
    Case {
        name: "threads/log",
        subjects: || clones_and_cloned(OURS, || LogLayer::new("payments").layer(prompt::<App>())),
    },
    Case {
        name: "threads/stack",
        subjects: || {
            let mut rows = clones_and_cloned(OURS, stack::ours::<App>);
            rows.extend(clones_and_cloned(peers::tower_resilience(), stack::tower_resilience::<App>));
            rows
        },
    },
    Case { name: "threads/client", subjects: || clones_and_cloned(OURS, client::ours::<App>) },
];

/// Three rows of one name. `share` makes what the threads share, and the function that it returns gives work on it to each
/// thread.
fn rows<B, W>(name: impl Into<String>, share: impl Fn() -> B) -> Vec<Subject>
where
    B: Fn() -> W,
    W: FnMut(u64) + Send + 'static,
{
    let name = name.into();
    let apart = format!("{name}{APART}");
    let alone = Subject::new(name.clone(), share()());
    vec![alone, Subject::pair(name, share()), Subject::pair(apart, || share()())]
}

/// Each thread has a clone of the service.
fn clones<S>(name: impl Into<String>, make: impl Fn() -> S) -> Vec<Subject>
where
    S: Service<u64> + Clone + Send + 'static,
{
    rows(name, || {
        let service = make();
        move || calls_with(service.clone(), Ends::Well, |request| request)
    })
}

/// The same, and three rows in which the service is cloned for each call.
fn clones_and_cloned<S>(name: impl Into<String>, make: impl Fn() -> S) -> Vec<Subject>
where
    S: Service<u64> + Clone + Send + 'static,
{
    let name = name.into();
    let mut all = clones(name.clone(), &make);
    all.extend(rows(format!("{name}/cloned"), || {
        let service = make();
        move || cloned_calls(service.clone(), |request| request)
    }));
    all
}

fn our_breaker(breaker: fn() -> Breaker) -> impl Service<u64> + Clone + Send + 'static {
    BreakerLayer::new(breaker()).layer(prompt::<App>())
}

fn count() -> Breaker {
    breaker::breaker(Window::count(100))
}

fn time() -> Breaker {
    breaker::breaker(Window::time(Duration::from_secs(10)))
}

fn consecutive() -> Breaker {
    breaker::breaker(Window::consecutive(5))
}

/// Each thread has a clone of the handle.
fn ours_bare(name: String, breaker: fn() -> Breaker) -> Vec<Subject> {
    rows(name, move || {
        let breaker = breaker();
        move || {
            let breaker = breaker.clone();
            move |n| {
                for request in 0..n {
                    drop(black_box(breaker_bare::guarded::<App>(&breaker, black_box(request))));
                }
            }
        }
    })
}

fn work(request: u64) -> Result<u64, App> {
    Ok(black_box(request))
}

/// Opens after five failures in a row.
fn failsafe() -> Vec<Subject> {
    rows(peers::failsafe(), || {
        let policy = consecutive_failures(5, constant(Duration::from_secs(30)));
        let breaker = Config::new().failure_policy(policy).build();
        move || {
            let breaker = breaker.clone();
            move |n| (0..n).for_each(|request| drop(black_box(breaker.call(|| work(black_box(request))))))
        }
    })
}

/// A count window of 100.
fn recloser() -> Vec<Subject> {
    rows(peers::recloser(), || {
        let breaker = Arc::new(Recloser::custom().error_rate(0.5).closed_len(100).build());
        move || {
            let breaker = Arc::clone(&breaker);
            move |n| (0..n).for_each(|request| drop(black_box(breaker.call(|| work(black_box(request))))))
        }
    })
}
