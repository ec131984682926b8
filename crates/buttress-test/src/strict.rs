//! The inner service that insists on the contract.

use std::collections::VecDeque;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};
use tower_service::Service;

use crate::TestError;
use crate::step::{Boom, End, Step};

/// An inner service that insists on tower's contract.
///
/// It panics when called without having been made ready, and a clone is never ready. Clones share the script and the
/// counters, so keep one to read them.
#[derive(Debug, Default)]
pub struct Strict {
    shared: Arc<Mutex<Shared>>,
    readiness: Readiness,
}

#[derive(Debug, Default)]
enum Readiness {
    #[default]
    Unready,
    Waiting(Pin<Box<Sleep>>),
    Ready,
}

#[derive(Debug, Default)]
struct Shared {
    script: VecDeque<Step>,
    ready_after: Option<Duration>,
    ready_fails: Option<TestError>,
    calls: u32,
    reserved: u32,
    alive: u32,
}

impl Strict {
    /// Ready at once; answers every call with its request.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The next call that the script doesn't cover yet does this; calls after the script answer with their request.
    #[must_use]
    pub fn then(self, step: Step) -> Self {
        self.shared().script.push_back(step);
        self
    }

    /// Every instance becomes ready only `wait` after it was asked.
    #[must_use]
    pub fn ready_after(self, wait: Duration) -> Self {
        self.shared().ready_after = Some(wait);
        self
    }

    /// No instance becomes ready: `poll_ready` fails with this error.
    #[must_use]
    pub fn ready_fails(self, error: impl Into<TestError>) -> Self {
        self.shared().ready_fails = Some(error.into());
        self
    }

    /// Calls so far.
    #[must_use]
    pub fn calls(&self) -> u32 {
        self.shared().calls
    }

    /// Instances that are ready and were neither called nor dropped.
    #[must_use]
    pub fn reserved(&self) -> u32 {
        self.shared().reserved
    }

    /// Futures that were not dropped yet.
    #[must_use]
    pub fn alive(&self) -> u32 {
        self.shared().alive
    }

    fn reserve(&mut self) {
        self.readiness = Readiness::Ready;
        self.shared().reserved += 1;
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        lock(&self.shared)
    }
}

/// A panic never happens under this lock, so poison means nothing.
fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Clone for Strict {
    /// The clone is not ready.
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), readiness: Readiness::Unready }
    }
}

impl Drop for Strict {
    fn drop(&mut self) {
        if matches!(self.readiness, Readiness::Ready) {
            self.shared().reserved -= 1;
        }
    }
}

impl Service<u32> for Strict {
    type Response = u32;
    type Error = TestError;
    type Future = StrictFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TestError>> {
        if matches!(self.readiness, Readiness::Unready) {
            let (fails, after) = {
                let shared = self.shared();
                (shared.ready_fails.clone(), shared.ready_after)
            };
            if let Some(error) = fails {
                return Poll::Ready(Err(error));
            }
            match after {
                Some(wait) => self.readiness = Readiness::Waiting(Box::pin(sleep(wait))),
                None => self.reserve(),
            }
        }
        if let Readiness::Waiting(sleep) = &mut self.readiness {
            ready!(sleep.as_mut().poll(cx));
            self.reserve();
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: u32) -> StrictFuture {
        let ready = matches!(mem::take(&mut self.readiness), Readiness::Ready);
        assert!(ready, "the inner service was called on an instance that was not made ready");
        let step = {
            let mut shared = self.shared();
            shared.reserved -= 1;
            shared.calls += 1;
            shared.script.pop_front().unwrap_or(Step::ok())
        };
        if matches!(step.end, End::PanicInCall) {
            Boom::raise();
        }
        StrictFuture { request, step, sleep: None, alive: Alive::new(&self.shared) }
    }
}

pin_project! {
    /// The future of [`Strict`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct StrictFuture {
        request: u32,
        step: Step,
        #[pin]
        sleep: Option<Sleep>,
        alive: Alive,
    }
}

impl Future for StrictFuture {
    type Output = Result<u32, TestError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        while this.step.waits > 0 {
            if this.sleep.is_none() {
                this.sleep.set(Some(sleep(this.step.wait)));
            }
            ready!(this.sleep.as_mut().as_pin_mut().expect("it was just set").poll(cx));
            this.sleep.set(None);
            this.step.waits -= 1;
        }
        match &this.step.end {
            End::Echo => Poll::Ready(Ok(*this.request)),
            End::Fail(error) => Poll::Ready(Err(error.clone())),
            End::PanicInPoll | End::PanicInCall => Boom::raise(),
            End::Never => Poll::Pending,
        }
    }
}

/// Counts one future as long as it lives.
#[derive(Debug)]
struct Alive(Arc<Mutex<Shared>>);

impl Alive {
    fn new(shared: &Arc<Mutex<Shared>>) -> Self {
        lock(shared).alive += 1;
        Self(Arc::clone(shared))
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        lock(&self.0).alive -= 1;
    }
}
