//! `ClientLayer`: the layers of the stack and their order.

use std::sync::Arc;

use buttress_breaker::{Breaker, BreakerLayer, BreakerService};
use buttress_context::ContextService;
use buttress_error::ByKind;
use buttress_log::{LogLayer, LogService};
use buttress_retry::{Policy, RetryLayer, RetryService};
use buttress_timeout::{AttemptTimeoutLayer, AttemptTimeoutService, DeadlineLayer, DeadlineService};
use tower_layer::Layer;

use super::builder::{ClientBuilder, client};

/// The service type of the ready-made stack.
///
/// It is the same for all settings: disabling a layer does not change the type. `C` is the classifier of the breaker.
pub type Stack<S, C = ByKind> = ContextService<Logged<S, C>>;

/// The stack without its outermost layer, for a caller that has completed the context itself.
pub(super) type Logged<S, C> = LogService<Timed<S, C>, ByKind>;

/// The stack from the deadline inward.
pub(super) type Timed<S, C> = DeadlineService<RetryService<BreakerService<AttemptTimeoutService<S>, C>>>;

/// The ready-made stack as one layer, for services without HTTP. [`new`](Self::new) creates it with the defaults, and
/// [`ClientBuilder::build`] with other settings.
///
/// All services of one layer share a breaker and a retry budget, so create it once, when the program starts.
#[derive(Clone, Debug)]
pub struct ClientLayer {
    pub(super) settings: ClientBuilder,
    pub(super) policy: Policy,
    pub(super) breaker: Breaker,
    pub(super) log: LogLayer,
    deadline: DeadlineLayer,
    retry: RetryLayer,
    breaker_layer: BreakerLayer,
    attempt_timeout: AttemptTimeoutLayer,
}

impl ClientLayer {
    /// Creates the stack with the defaults of [`ClientBuilder`]. `name` is part of its rejections, events and errors.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        client(name).with(Policy::default(), None)
    }

    pub(super) fn of(settings: ClientBuilder, policy: Policy, breaker: Breaker) -> Self {
        let name = &settings.name;
        Self {
            log: settings.log_layer(),
            deadline: DeadlineLayer::new(settings.deadline).named(Arc::clone(name)),
            retry: retry(policy.clone(), name),
            breaker_layer: BreakerLayer::new(breaker.clone()),
            attempt_timeout: AttemptTimeoutLayer::new(settings.attempt_timeout).named(Arc::clone(name)),
            policy,
            breaker,
            settings,
        }
    }

    /// Builds the stack around `inner`. The deadline includes all attempts and waits. The retry layer is outside the breaker,
    /// so that each attempt passes through it. The attempt timeout is innermost, so that the breaker counts a hang.
    pub(super) fn stack<S: Clone, C: Clone>(&self, inner: S, classifier: C) -> Stack<S, C> {
        let inner = self.attempt_timeout.layer(inner);
        let inner = self.breaker_layer.clone().classifier(classifier).layer(inner);
        let inner = self.retry.layer(inner);
        let inner = self.deadline.layer(inner);
        let inner = self.log.layer(inner);
        self.settings.context.layer(inner)
    }

    /// Wraps `service` in the deadline of a whole call.
    pub(super) fn with_deadline<S>(&self, service: S) -> DeadlineService<S> {
        self.deadline.layer(service)
    }

    /// Returns the circuit breaker.
    #[must_use]
    pub const fn breaker(&self) -> &Breaker {
        &self.breaker
    }
}

impl<S: Clone> Layer<S> for ClientLayer {
    type Service = Stack<S>;

    fn layer(&self, inner: S) -> Stack<S> {
        self.stack(inner, ByKind)
    }
}

/// Names the retry layer after the client, unless its policy has a name.
fn retry(policy: Policy, name: &Arc<str>) -> RetryLayer {
    let is_unnamed = policy.name().is_none();
    let layer = RetryLayer::new(policy);
    if is_unnamed { layer.named(Arc::clone(name)) } else { layer }
}
