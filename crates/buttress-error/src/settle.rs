//! `Deferral`: the verdict on a call whose response is there, but not all of it.

use std::fmt;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::Verdict;

/// What a layer keeps of a call until it knows how the call ended, such as a breaker's permit.
///
/// Dropped without being told, it takes the call for abandoned.
pub trait Settle: Send + Sync {
    /// The call has ended like this.
    fn settle(self: Box<Self>, verdict: &Verdict);

    /// Nobody waited for the end: the rest of the response was dropped, at a moment when the next part of it had been
    /// waited for so long (zero: it was not waited for).
    fn abandon(self: Box<Self>, waited: Duration);
}

/// Where layers wait for the end of a call whose response streams.
///
/// The bottom of a stack, which knows the body, makes one, keeps a clone with the body, and lays one beside the response. A
/// [`Classifier`](crate::Classifier) that finds it there [hands it](crate::Classifier::deferral) to the layers above. So
/// they need not know what a body is, and the body not who waits.
#[derive(Clone, Default)]
pub struct Deferral(Arc<Mutex<State>>);

enum State {
    Open(Vec<Box<dyn Settle>>),
    Over(End),
}

#[derive(Clone, Copy)]
enum End {
    Settled(Verdict),
    Abandoned(Duration),
}

impl Deferral {
    /// One for which nobody waits yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets a layer wait for the end; it is told at once if that was before.
    pub fn defer(&self, layer: Box<dyn Settle>) {
        let end = match &mut *self.lock() {
            State::Open(layers) => return layers.push(layer),
            State::Over(end) => *end,
        };
        end.tell(layer);
    }

    /// The call has ended like this. Only its first end counts.
    pub fn settle(&self, verdict: Verdict) {
        self.end(End::Settled(verdict));
    }

    /// The rest of the response was dropped, after the next part of it had been waited for so long (zero: it was not
    /// waited for). Only the first end of a call counts.
    pub fn abandon(&self, waited: Duration) {
        self.end(End::Abandoned(waited));
    }

    fn end(&self, end: End) {
        let layers = match &mut *self.lock() {
            State::Over(_) => return,
            open @ State::Open(_) => mem::replace(open, State::Over(end)),
        };
        if let State::Open(layers) = layers {
            layers.into_iter().for_each(|layer| end.tell(layer));
        }
    }

    /// Nothing under the lock panics.
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl End {
    fn tell(self, layer: Box<dyn Settle>) {
        match self {
            Self::Settled(verdict) => layer.settle(&verdict),
            Self::Abandoned(waited) => layer.abandon(waited),
        }
    }
}

impl Default for State {
    fn default() -> Self {
        Self::Open(Vec::new())
    }
}

impl fmt::Debug for Deferral {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("Deferral");
        match &*self.lock() {
            State::Open(layers) => text.field("waiting", &layers.len()),
            State::Over(_) => text.field("over", &true),
        };
        text.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    #[derive(Clone, Default)]
    struct Told(Arc<Mutex<Vec<String>>>);

    impl Told {
        fn say(&self, what: String) {
            self.0.lock().expect("nobody panics").push(what);
        }

        fn all(&self) -> Vec<String> {
            self.0.lock().expect("nobody panics").clone()
        }
    }

    impl Settle for Told {
        fn settle(self: Box<Self>, verdict: &Verdict) {
            self.say(format!("{:?}", verdict.class().map(|class| class.kind)));
        }

        fn abandon(self: Box<Self>, waited: Duration) {
            self.say(format!("{waited:?}"));
        }
    }

    /// Whoever waits is told once, of the first end; who comes later, too.
    #[test]
    fn tells_all_of_the_first_end() {
        let (told, deferral) = (Told::default(), Deferral::new());
        deferral.defer(Box::new(told.clone()));
        deferral.defer(Box::new(told.clone()));
        assert_eq!(format!("{deferral:?}"), "Deferral { waiting: 2 }");
        deferral.clone().settle(Verdict::failure(Kind::Unavailable));
        deferral.abandon(Duration::ZERO);
        deferral.defer(Box::new(told.clone()));
        assert_eq!(told.all(), ["Some(Unavailable)"; 3]);
    }

    #[test]
    fn tells_how_long_was_waited() {
        let (told, deferral) = (Told::default(), Deferral::new());
        deferral.defer(Box::new(told.clone()));
        deferral.abandon(Duration::from_secs(3));
        deferral.settle(Verdict::success());
        assert_eq!(told.all(), ["3s"]);
    }

    /// A layer may use the deferral while it is told.
    #[test]
    fn tells_outside_of_the_lock() {
        struct Curious(Deferral, Told);
        impl Settle for Curious {
            fn settle(self: Box<Self>, _: &Verdict) {
                self.0.defer(Box::new(self.1.clone()));
            }
            fn abandon(self: Box<Self>, _: Duration) {}
        }
        let (told, deferral) = (Told::default(), Deferral::new());
        deferral.defer(Box::new(Curious(deferral.clone(), told.clone())));
        deferral.settle(Verdict::success());
        assert_eq!(told.all(), ["None"]);
    }
}
