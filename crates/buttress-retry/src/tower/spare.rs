//! `Spare`: the instances of the inner service that retries are cloned from.

use std::cell::Cell;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Instances of `S` to clone. None of them is cloned under the lock, because `S::clone` may panic, be slow, or call the same
/// retry.
///
/// As `S` need not be `Sync`, a thread takes an instance out to clone it. Other threads wait without blocking. If there are
/// any, one more instance is made, so that in the long run as many threads can clone at once as have ever contended.
pub(super) struct Spare<S>(Mutex<State<S>>);

struct State<S> {
    idle: Vec<S>,
    /// Instances that are taken out.
    taken: usize,
    waiting: Vec<Waker>,
}

thread_local! {
    static CLONING: Cell<bool> = const { Cell::new(false) };
}

impl<S> Spare<S> {
    /// The maximum number of instances.
    const MAX: usize = 16;

    pub(super) fn new(service: S) -> Self {
        Self(Mutex::new(State { idle: vec![service], taken: 0, waiting: Vec::new() }))
    }

    fn lock(&self) -> MutexGuard<'_, State<S>> {
        // The state is consistent whenever the lock is released, so a poisoned lock does no harm.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns `true` if this thread is inside `S::clone`.
    pub(super) fn is_cloning_here(&self) -> bool {
        CLONING.get()
    }
}

impl<S: Clone> Spare<S> {
    /// Clones an instance, when there is one.
    pub(super) fn poll_clone(&self, cx: &Context<'_>) -> Poll<S> {
        let taken = {
            let mut state = self.lock();
            let Some(service) = state.idle.pop() else {
                state.waiting.push(cx.waker().clone());
                return Poll::Pending;
            };
            state.taken += 1;
            Taken { spare: self, service: Some(service), more: None, cloning: CLONING.replace(true) }
        };
        Poll::Ready(taken.clone())
    }
}

/// An instance that was taken out. It is put back when this is dropped.
struct Taken<'s, S> {
    spare: &'s Spare<S>,
    service: Option<S>,
    /// Made for threads that wait.
    more: Option<S>,
    /// Whether this thread was already inside a clone.
    cloning: bool,
}

impl<S: Clone> Taken<'_, S> {
    fn clone(mut self) -> S {
        let service = self.service.as_ref().expect("it is put back at the end");
        let copy = service.clone();
        let contended = {
            let state = self.spare.lock();
            !state.waiting.is_empty() && state.idle.len() + state.taken < Spare::<S>::MAX
        };
        if contended {
            self.more = Some(service.clone());
        }
        copy
    }
}

impl<S> Drop for Taken<'_, S> {
    fn drop(&mut self) {
        CLONING.set(self.cloning);
        let waiting = {
            let mut state = self.spare.lock();
            state.taken -= 1;
            state.idle.extend(self.service.take());
            state.idle.extend(self.more.take());
            std::mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }
}
