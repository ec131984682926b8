//! A whole client stack around a service that responds at once.

use std::time::Duration;

use buttress::{Body, Client};
use http::Request;
use tower::timeout::TimeoutLayer;
use tower::{Layer, Service, ServiceBuilder};
use tower_http::ServiceBuilderExt;
use tower_http::request_id::MakeRequestUuid;
use tower_http::trace::TraceLayer;
use tracing::level_filters::LevelFilter;

use super::http::{Bytes, Prompt, request, trace_layer};
use super::{bare, breaker, call_log, retry, timeout};
use crate::case::{BARE, Case, OURS, Subject, named, with_each_error};
use crate::drive::{Ends, awaited, calls, calls_with};
use crate::peers;
use crate::service::{self, App, Failure, Inner};

pub(super) const CASES: [Case; 3] = [
    Case { name: "client/ready", subjects: || with_each_error!(stacks()) },
    Case { name: "client/http", subjects: || vec![bare_http(), our_http(), tower_http()] },
    // A case of its own: once one subscriber listens, every thread looks for one.
    Case {
        name: "client/logged",
        subjects: || vec![bare::<App>(), logged(LevelFilter::INFO), logged(LevelFilter::DEBUG)],
    },
];

const DEADLINE: Duration = Duration::from_secs(30);
const ATTEMPT: Duration = Duration::from_secs(10);

fn stacks<E: Failure>() -> Vec<Subject> {
    vec![
        bare::<E>(),
        Subject::new(named::<E>(OURS), calls(ours::<E>(), Ends::Well)),
        tower::<E>(),
        tower_resilience::<E>(),
    ]
}

/// The defaults: context, log (without a subscriber), deadline, retry with a ratio budget, breaker with a time window,
/// attempt timeout.
pub(crate) fn ours<E: Failure>() -> impl Inner<E> {
    let layer = buttress::client("payments").deadline(DEADLINE).attempt_timeout(ATTEMPT).build();
    layer.expect("valid settings").layer(service::prompt::<E>())
}

fn logged(level: LevelFilter) -> Subject {
    call_log::listened(level, calls(ours::<App>(), Ends::Well))
}

/// The parts of such a stack that tower has: deadline, retry with a ratio budget, attempt timeout. There is no breaker and
/// no context.
fn tower<E: Failure>() -> Subject {
    let service = ServiceBuilder::new()
        .layer(TimeoutLayer::new(DEADLINE))
        .retry(retry::Attempts { left: 3, budget: Some(retry::ratio_budget()) })
        .layer(TimeoutLayer::new(ATTEMPT))
        .service(service::prompt::<E>());
    Subject::new(named::<E>(peers::tower()), calls(service, Ends::Well))
}

/// Deadline, retry with a token budget, breaker with a window of 100, attempt timeout. There is no context and no log.
fn tower_resilience<E: Failure>() -> Subject {
    let service = ServiceBuilder::new()
        .layer(timeout::tower_resilience_layer(DEADLINE))
        .layer(retry::tower_resilience_layer(true))
        .layer(breaker::tower_resilience().sliding_window_size(100).build().expect("valid settings"))
        .layer(timeout::tower_resilience_layer(ATTEMPT))
        .service(service::prompt::<E>());
    Subject::new(named::<E>(peers::tower_resilience()), calls(service, Ends::Well))
}

fn bare_http() -> Subject {
    Subject::new(BARE, calls_with(Prompt, Ends::Well, request::<Body>()))
}

/// The ready-made client as users call it.
fn our_http() -> Subject {
    let client = Client::<_, Request<Body>>::new("payments", Prompt);
    let make = request::<Body>();
    Subject::new(OURS, awaited(Ends::Well, async move |number| client.send(make(number)).await))
}

fn tower_http() -> Subject {
    let service = tower_http_service();
    Subject::new(peers::tower_http(), calls_with(service, Ends::Well, request::<Bytes>()))
}

/// The parts of such a stack that tower and tower-http have: request id, a span for each call, deadline, retry with a ratio
/// budget, attempt timeout, and a trace that a closure writes. There is no breaker.
pub(crate) fn tower_http_service()
-> impl Service<Request<Bytes>, Response: Send, Error: Send, Future: Send> + Clone + Send + 'static {
    ServiceBuilder::new()
        .set_x_request_id(MakeRequestUuid)
        .layer(TraceLayer::new_for_http())
        .layer(TimeoutLayer::new(DEADLINE))
        .retry(retry::Attempts { left: 3, budget: Some(retry::ratio_budget()) })
        .layer(TimeoutLayer::new(ATTEMPT))
        .layer(trace_layer())
        .service(Prompt)
}
