//! Helpers that the tests of this crate share.
#![allow(dead_code, reason = "no test file uses all of it")]

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use buttress_context::{Context, Frame, Report, Scope};
use buttress_retry::{Policy, PolicyBuilder, RetryLayer};
use buttress_test::{Step, Strict, TestError};
use tower::{Layer, ServiceExt};
use tracing::field::{Field, Visit};
use tracing::span;

pub(crate) const MS: Duration = Duration::from_millis(1);

/// Three attempts, 100 ms apart, no budget.
pub(crate) fn plain() -> PolicyBuilder {
    Policy::fixed(100 * MS).max_attempts(3).no_budget()
}

/// An inner service whose first calls do this.
pub(crate) fn script<I: IntoIterator<Item = Step>>(steps: I) -> Strict {
    steps.into_iter().fold(Strict::new(), Strict::then)
}

/// One idempotent call through a layer of its own.
pub(crate) async fn call(policy: PolicyBuilder, inner: &Strict) -> Result<u32, TestError> {
    call_built(policy.build().expect("good settings"), inner).await
}

pub(crate) async fn call_built(policy: Policy, inner: &Strict) -> Result<u32, TestError> {
    RetryLayer::new(policy).assume_idempotent().layer(inner.clone()).oneshot(7).await
}

/// The output, and what the call reported.
pub(crate) async fn reported<F: Future>(cx: Context, future: F) -> (F::Output, Report) {
    let mut scope = Box::pin(Scope::new(Frame::boundary(cx), future));
    let output = scope.as_mut().await;
    let report = scope.frame().report.clone();
    (output, report)
}

/// The fields of one event, as text.
pub(crate) type Event = BTreeMap<&'static str, String>;

/// Records the events of this crate, and calls a listener for each.
pub(crate) struct Capture<F = fn()> {
    events: Arc<Mutex<Vec<Event>>>,
    listener: F,
}

pub(crate) fn capture() -> (Capture, Arc<Mutex<Vec<Event>>>) {
    listen(|| {})
}

pub(crate) fn listen<F>(listener: F) -> (Capture<F>, Arc<Mutex<Vec<Event>>>) {
    let events = Arc::default();
    (Capture { events: Arc::clone(&events), listener }, events)
}

struct Fields<'e>(&'e mut Event);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}

impl<F: Fn() + 'static> tracing::Subscriber for Capture<F>
where
    Self: Send + Sync,
{
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == "buttress::retry"
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut fields = Event::from([("level", event.metadata().level().to_string())]);
        event.record(&mut Fields(&mut fields));
        self.events.lock().expect("no panic under it").push(fields);
        (self.listener)();
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}
