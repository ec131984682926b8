//! How a remedy runs, and how callers wait for it.

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

use super::single_flight::Answer;
use super::{Cure, Remedy, tick};
use crate::events;

/// None until the run has ended.
pub(super) type Outcome = watch::Receiver<Option<Result<(), Error>>>;

/// A remedy that is over, was refused, or is under way: what a failed call waits for.
pub(crate) enum Healing {
    Over(Result<(), Error>),
    Running(Waiting),
}

/// The future of [`Healing::wait`].
pub(crate) type Wait = Pin<Box<dyn Future<Output = Result<(), Error>> + Send + Sync>>;

pub(crate) struct Waiting {
    remedy: Remedy,
    outcome: Outcome,
    /// When the run is over, even if it hangs.
    until: Instant,
    /// When it is too late for the call.
    latest: Option<Instant>,
}

/// Stands in the context of a run: which it is, and that of the run that it is a part of. None of these remedies can heal
/// itself, and must not wait for itself. (A task that a run leaves behind is no part of it any more.)
struct Inside {
    remedy: Remedy,
    number: u64,
    outer: Option<Arc<Self>>,
}

impl Inside {
    fn is_run_of(&self, remedy: &Remedy) -> bool {
        self.remedy.is(remedy) && remedy.flight().is_running(self.number)
            || self.outer.as_ref().is_some_and(|outer| outer.is_run_of(remedy))
    }
}

impl Remedy {
    /// An attempt that began at `began` of the logical clock has failed with `class`: begins to heal that.
    pub(crate) fn heal(&self, began: u64, class: &Class, now: Instant, latest: Option<Instant>) -> Healing {
        if Context::read(|cx| cx.extension().is_some_and(|inside: &Arc<Inside>| inside.is_run_of(self))) {
            return Healing::Over(Err(self.error(Kind::FailedPrecondition, "can't heal itself")));
        }
        let (sender, receiver) = watch::channel(None);
        let answer = self.flight().ask(began, now, receiver);
        let (outcome, until) = match answer {
            Answer::Healed => return Healing::Over(Ok(())),
            Answer::Spent => {
                events::remedy_refused(self.name(), class);
                let error = self.error(Kind::Rejected, "has run too often within a minute");
                return Healing::Over(Err(error));
            }
            Answer::Join(outcome, until) => (outcome, until),
            Answer::Start(outcome, until, number) => {
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
        Healing::Running(Waiting { remedy: self.clone(), outcome, until, latest })
    }

    fn start(&self, run: Run) {
        let shared = Arc::clone(&self.0);
        // The ids of the call that needs it first, but neither its deadline nor anything else of it.
        let context = Context::read(|cx| {
            let context = cx.request_id().cloned().map(|id| Context::default().with_request_id(id));
            let context = context.unwrap_or_default();
            let context = cx.trace().map_or(context.clone(), |trace| context.with_trace(*trace));
            let outer = cx.extension().cloned();
            context.with_extension(Arc::new(Inside { remedy: self.clone(), number: run.number, outer }))
        });
        match (&self.0.cure, Handle::try_current()) {
            (Cure::Async(_), Ok(runtime)) => {
                let limited = async move {
                    let Cure::Async(cure) = &shared.cure else { unreachable!("it was one") };
                    let result = timeout(shared.time_limit, async { cure().await }).await;
                    let result = result.unwrap_or_else(|_| Err(run.remedy.too_slow()));
                    run.end(result);
                };
                runtime.spawn(Scope::new(Frame::boundary(context), limited).in_current_span());
            }
            (Cure::Async(_), Err(_)) => run.end(Err(self.error(Kind::FailedPrecondition, "needs a runtime"))),
            (Cure::BlockingRetry(_), runtime) => {
                let span = tracing::Span::current();
                let cure = move || match &shared.cure {
                    Cure::BlockingRetry(cure) => cure(),
                    Cure::Async(_) => unreachable!("it was one that blocks"),
                };
                let work = move || span.in_scope(|| context.run(|| run.end(cure())));
                match runtime {
                    Ok(runtime) => drop(runtime.spawn_blocking(work)),
                    // If there is no thread to be had, the run is dropped, and says that it has failed.
                    Err(_) => drop(thread::Builder::new().name("remedy".to_owned()).spawn(work)),
                }
            }
        }
    }

    fn error(&self, kind: Kind, what: &str) -> Error {
        Error::new(kind, format!("remedy `{}` {what}", self.name())).without_location()
    }

    /// It has healed, but there is no time left for another attempt.
    pub(crate) fn too_late(&self) -> Error {
        self.error(Kind::DeadlineExceeded, "was done too late for another attempt")
    }

    fn too_slow(&self) -> Error {
        self.error(Kind::Timeout, &format!("took longer than {:?}", self.0.time_limit))
    }
}

/// A run that has begun. Dropped before its [end](Self::end), by a panic or as the runtime shuts down, it has failed.
struct Run {
    remedy: Remedy,
    number: u64,
    /// What it is to heal.
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
        let healed = result.is_ok().then(tick);
        self.remedy.flight().ended(self.number, Instant::now(), healed);
        let elapsed = self.began.elapsed();
        let told = Told { sender, result };
        match &told.result {
            Ok(()) => events::remedy_succeeded(self.remedy.name(), elapsed, &self.class),
            Err(error) => events::remedy_failed(self.remedy.name(), elapsed, &self.class, error),
        }
    }
}

/// The result of a run, told to those who wait after it was told to the log: also if the log panics.
struct Told {
    sender: watch::Sender<Option<Result<(), Error>>>,
    result: Result<(), Error>,
}

impl Drop for Told {
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

impl Healing {
    /// Waits until the run is over, its time limit is reached, or it is too late for another attempt.
    pub(crate) fn wait(self) -> Wait {
        Box::pin(async {
            match self {
                Self::Over(result) => result,
                Self::Running(waiting) => waiting.wait().await,
            }
        })
    }

    /// The same for a thread, which sleeps meanwhile.
    pub(crate) fn block(self) -> Result<(), Error> {
        match self {
            Self::Over(result) => result,
            Self::Running(waiting) => waiting.block(),
        }
    }
}

impl Waiting {
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
                self.remedy.error(Kind::DeadlineExceeded, "was not done in time for another attempt")
            }
            _ => self.remedy.too_slow(),
        }
    }
}

async fn ended(outcome: &mut Outcome) -> Result<(), Error> {
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
