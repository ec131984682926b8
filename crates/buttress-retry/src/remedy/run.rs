//! How a remedy runs, and how calls wait for it.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context as Task, Poll, Wake, Waker};
use std::thread::{self, Thread};

use buttress_context::{Context, Frame, Scope};
use buttress_error::{Class, Error, Kind};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};
use tracing::Instrument;

use super::single_flight::Admission;
use super::{Action, Remedy, clock};
use crate::events;

/// The outcome of a run: `None` until the run has ended.
pub(super) type RunOutcome = watch::Receiver<Option<Result<(), Error>>>;

/// A remedy for a failed call: already done, or under way.
pub(crate) enum PendingRemedy {
    Done(Result<(), Error>),
    Running(Waiter),
}

/// The future of [`PendingRemedy::wait`].
pub(crate) type RemedyFuture = Pin<Box<dyn Future<Output = Result<(), Error>> + Send + Sync>>;

/// A call that waits for a run.
pub(crate) struct Waiter {
    remedy: Remedy,
    outcome: RunOutcome,
    /// When the run counts as failed, even if it hangs.
    until: Instant,
    /// When there is no time left for another attempt of the call.
    latest: Option<Instant>,
}

/// An extension of the context of a run: the run, and the run that started it. A failure inside must not wait for any of
/// their remedies, which would be waiting for itself. (A task that outlives its run no longer counts as inside.)
struct CurrentRun {
    remedy: Remedy,
    number: u64,
    outer: Option<Arc<Self>>,
}

impl CurrentRun {
    fn is_run_of(&self, remedy: &Remedy) -> bool {
        self.remedy.is(remedy) && remedy.runs().is_running(self.number)
            || self.outer.as_ref().is_some_and(|outer| outer.is_run_of(remedy))
    }
}

impl Remedy {
    /// Applies the remedy to a failure of `class`, of an attempt that began at the logical time `began`. It starts a run or
    /// joins one.
    pub(crate) fn apply(
        &self,
        began: u64,
        class: &Class,
        now: Instant,
        latest: Option<Instant>,
    ) -> PendingRemedy {
        if Context::read(|cx| cx.extension().is_some_and(|run: &Arc<CurrentRun>| run.is_run_of(self))) {
            let error = self.error(Kind::FailedPrecondition, "does not apply within its own run");
            return PendingRemedy::Done(Err(error));
        }
        let (sender, receiver) = watch::channel(None);
        let admission = self.runs().admit(began, now, receiver);
        let (outcome, until) = match admission {
            Admission::AlreadyDone => return PendingRemedy::Done(Ok(())),
            Admission::Refused => {
                events::remedy_refused(self.name(), class);
                let error = self.error(Kind::Rejected, "has run too often within a minute");
                return PendingRemedy::Done(Err(error));
            }
            Admission::Join(outcome, until) => (outcome, until),
            Admission::Start(outcome, until, number) => {
                self.start(Run {
                    remedy: self.clone(),
                    number,
                    class: *class,
                    began: now,
                    sender: Some(sender),
                });
                (outcome, until)
            }
        };
        PendingRemedy::Running(Waiter { remedy: self.clone(), outcome, until, latest })
    }

    fn start(&self, run: Run) {
        let shared = Arc::clone(&self.0);
        // The ids of the call that needs it first, but neither its deadline nor anything else of its context.
        let context = Context::read(|cx| {
            let context = cx.request_id().cloned().map(|id| Context::default().with_request_id(id));
            let context = context.unwrap_or_default();
            let context = cx.trace().map_or(context.clone(), |trace| context.with_trace(*trace));
            let outer = cx.extension().cloned();
            context.with_extension(Arc::new(CurrentRun { remedy: self.clone(), number: run.number, outer }))
        });
        match (&self.0.action, Handle::try_current()) {
            (Action::Async(_), Ok(runtime)) => {
                let limited = async move {
                    let Action::Async(action) = &shared.action else { unreachable!("matched above") };
                    let result = timeout(shared.time_limit, async { action().await }).await;
                    let result = result.unwrap_or_else(|_| Err(run.remedy.too_slow()));
                    run.end(result);
                };
                runtime.spawn(Scope::new(Frame::boundary(context), limited).in_current_span());
            }
            (Action::Async(_), Err(_)) => {
                run.end(Err(self.error(Kind::FailedPrecondition, "needs a runtime")));
            }
            (Action::Blocking(_), runtime) => {
                let span = tracing::Span::current();
                let action = move || match &shared.action {
                    Action::Blocking(action) => action(),
                    Action::Async(_) => unreachable!("matched above"),
                };
                let work = move || span.in_scope(|| context.run(|| run.end(action())));
                match runtime {
                    Ok(runtime) => drop(runtime.spawn_blocking(work)),
                    // If no thread can be started, the run is dropped, and so it fails.
                    Err(_) => drop(thread::Builder::new().name("remedy".to_owned()).spawn(work)),
                }
            }
        }
    }

    fn error(&self, kind: Kind, what: &str) -> Error {
        Error::new(kind, format!("remedy `{}` {what}", self.name())).without_location()
    }

    /// The error of a remedy that succeeded when no time was left for another attempt.
    pub(crate) fn too_late(&self) -> Error {
        self.error(Kind::DeadlineExceeded, "ended too late for another attempt")
    }

    fn too_slow(&self) -> Error {
        self.error(Kind::Timeout, &format!("took longer than {:?}", self.0.time_limit))
    }
}

/// A run that has begun. If it is dropped before its [end](Self::end), by a panic or because the runtime shuts down, it has
/// failed.
struct Run {
    remedy: Remedy,
    number: u64,
    /// The class of the failure that it was started for.
    class: Class,
    began: Instant,
    sender: Option<watch::Sender<Option<Result<(), Error>>>>,
}

impl Run {
    fn end(mut self, result: Result<(), Error>) {
        self.settle(result);
    }

    fn settle(&mut self, result: Result<(), Error>) {
        let Some(sender) = self.sender.take() else { return };
        let succeeded_at = result.is_ok().then(clock::tick);
        self.remedy.runs().ended(self.number, Instant::now(), succeeded_at);
        let elapsed = self.began.elapsed();
        let publish = PublishOnDrop { sender, result };
        match &publish.result {
            Ok(()) => events::remedy_succeeded(self.remedy.name(), elapsed, &self.class),
            Err(error) => events::remedy_failed(self.remedy.name(), elapsed, &self.class, error),
        }
    }
}

/// Publishes the result of a run to the calls that wait for it: after the event, and also if the subscriber panics.
struct PublishOnDrop {
    sender: watch::Sender<Option<Result<(), Error>>>,
    result: Result<(), Error>,
}

impl Drop for PublishOnDrop {
    fn drop(&mut self) {
        self.sender.send_replace(Some(self.result.clone()));
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if self.sender.is_some() {
            let (kind, what) = match thread::panicking() {
                true => (Kind::Panic, "panicked"),
                false => (Kind::Cancelled, "was cancelled"),
            };
            let error = self.remedy.error(kind, what);
            self.settle(Err(error));
        }
    }
}

impl PendingRemedy {
    /// Waits until the run ends, its time limit expires, or it is too late for another attempt.
    pub(crate) fn wait(self) -> RemedyFuture {
        Box::pin(async {
            match self {
                Self::Done(result) => result,
                Self::Running(waiter) => waiter.wait().await,
            }
        })
    }

    /// Blocks the thread in place of [`wait`](Self::wait).
    pub(crate) fn block(self) -> Result<(), Error> {
        match self {
            Self::Done(result) => result,
            Self::Running(waiter) => waiter.block(),
        }
    }
}

impl Waiter {
    async fn wait(mut self) -> Result<(), Error> {
        match timeout_at(self.end(), ended(&mut self.outcome)).await {
            Ok(result) => result,
            Err(_) => Err(self.too_slow()),
        }
    }

    fn block(mut self) -> Result<(), Error> {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let end = self.end();
        {
            let mut ended = pin!(ended(&mut self.outcome));
            loop {
                if let Poll::Ready(result) = ended.as_mut().poll(&mut Task::from_waker(&waker)) {
                    return result;
                }
                let left = end.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                thread::park_timeout(left);
            }
        }
        Err(self.too_slow())
    }

    fn end(&self) -> Instant {
        self.latest.map_or(self.until, |latest| latest.min(self.until))
    }

    fn too_slow(&self) -> Error {
        match self.latest {
            Some(latest) if latest < self.until => {
                self.remedy.error(Kind::DeadlineExceeded, "did not end in time for another attempt")
            }
            _ => self.remedy.too_slow(),
        }
    }
}

async fn ended(outcome: &mut RunOutcome) -> Result<(), Error> {
    let ended =
        outcome.wait_for(Option::is_some).await.expect("a run is settled before its sender is dropped");
    ended.clone().expect("it was waited for")
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
