//! `Completion`: the end of a call whose response streams.

use std::fmt;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::verdict::Verdict;

/// Part of a layer that records how a call ended, such as a breaker's permit.
///
/// An observer that is dropped before either method is called treats the call as abandoned.
pub trait CompletionObserver: Send + Sync {
    /// Records that the call ended with `verdict`.
    fn completed(self: Box<Self>, verdict: &Verdict);

    /// Records that the rest of the response was dropped. `waited` is how long the reader had been waiting for the
    /// next part at that moment; zero if it was not waiting.
    fn abandoned(self: Box<Self>, waited: Duration);
}

/// The end of a call whose response streams, shared by the body and the layers that wait for it.
///
/// The layer at the bottom of a stack, which reads the body, creates a completion, keeps a clone with the body and adds
/// one to the response. A [`Classifier`](crate::Classifier) finds it there and
/// [returns it](crate::Classifier::completion) to the layers above, which register a [`CompletionObserver`]. The layers
/// need no knowledge of bodies, and the body needs none of the layers.
///
/// A clone refers to the same call.
#[derive(Clone, Default)]
pub struct Completion(Arc<Mutex<State>>);

enum State {
    Streaming(Vec<Box<dyn CompletionObserver>>),
    Ended(End),
}

#[derive(Clone, Copy)]
enum End {
    Completed(Verdict),
    Abandoned(Duration),
}

impl Completion {
    /// Creates a completion without observers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers an observer. If the call has ended, it is notified at once.
    pub fn observe(&self, observer: Box<dyn CompletionObserver>) {
        let end = match &mut *self.lock() {
            State::Streaming(observers) => return observers.push(observer),
            State::Ended(end) => *end,
        };
        end.notify(observer);
    }

    /// Ends the call with `verdict` and notifies all observers. Does nothing if the call has ended.
    pub fn complete(&self, verdict: Verdict) {
        self.end(End::Completed(verdict));
    }

    /// Ends the call because the rest of the response was dropped, after the reader had waited for the next part for
    /// `waited` (zero if it was not waiting), and notifies all observers. Does nothing if the call has ended.
    pub fn abandon(&self, waited: Duration) {
        self.end(End::Abandoned(waited));
    }

    fn end(&self, end: End) {
        let observers = match &mut *self.lock() {
            State::Ended(_) => return,
            state @ State::Streaming(_) => mem::replace(state, State::Ended(end)),
        };
        // The lock is released: an observer may use this completion.
        if let State::Streaming(observers) = observers {
            observers.into_iter().for_each(|observer| end.notify(observer));
        }
    }

    /// A poisoned lock is used as it is: no code that may panic runs under it.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl End {
    fn notify(self, observer: Box<dyn CompletionObserver>) {
        match self {
            Self::Completed(verdict) => observer.completed(&verdict),
            Self::Abandoned(waited) => observer.abandoned(waited),
        }
    }
}

impl Default for State {
    fn default() -> Self {
        Self::Streaming(Vec::new())
    }
}

impl fmt::Debug for Completion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("Completion");
        match &*self.lock() {
            State::Streaming(observers) => text.field("observers", &observers.len()),
            State::Ended(_) => text.field("ended", &true),
        };
        text.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::Kind;

    #[derive(Clone, Default)]
    struct Recorder(Arc<Mutex<Vec<String>>>);

    impl Recorder {
        fn record(&self, end: String) {
            self.0.lock().expect("no test panics under the lock").push(end);
        }

        fn recorded(&self) -> Vec<String> {
            self.0.lock().expect("no test panics under the lock").clone()
        }
    }

    impl CompletionObserver for Recorder {
        fn completed(self: Box<Self>, verdict: &Verdict) {
            self.record(format!("{:?}", verdict.class().map(|class| class.kind)));
        }

        fn abandoned(self: Box<Self>, waited: Duration) {
            self.record(format!("{waited:?}"));
        }
    }

    /// Every observer is notified once, of the first end; so is one that registers later.
    #[test]
    fn notifies_all_of_the_first_end() {
        let (recorder, completion) = (Recorder::default(), Completion::new());
        completion.observe(Box::new(recorder.clone()));
        completion.observe(Box::new(recorder.clone()));
        assert_eq!(format!("{completion:?}"), "Completion { observers: 2 }");
        completion.clone().complete(Verdict::failure(Kind::Unavailable));
        completion.abandon(Duration::ZERO);
        completion.observe(Box::new(recorder.clone()));
        assert_eq!(recorder.recorded(), ["Some(Unavailable)"; 3]);
        assert_eq!(format!("{completion:?}"), "Completion { ended: true }");
    }

    #[test]
    fn reports_how_long_the_reader_waited() {
        let (recorder, completion) = (Recorder::default(), Completion::new());
        completion.observe(Box::new(recorder.clone()));
        completion.abandon(Duration::from_secs(3));
        completion.complete(Verdict::success());
        assert_eq!(recorder.recorded(), ["3s"]);
    }

    /// An observer may use the completion while it is notified.
    #[test]
    fn notifies_without_the_lock() {
        struct Chained(Completion, Recorder);
        impl CompletionObserver for Chained {
            fn completed(self: Box<Self>, _: &Verdict) {
                self.0.observe(Box::new(self.1.clone()));
            }
            fn abandoned(self: Box<Self>, _: Duration) {}
        }
        let (recorder, completion) = (Recorder::default(), Completion::new());
        completion.observe(Box::new(Chained(completion.clone(), recorder.clone())));
        completion.complete(Verdict::success());
        assert_eq!(recorder.recorded(), ["None"]);
    }
}
