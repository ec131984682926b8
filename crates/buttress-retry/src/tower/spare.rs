//! `Spare`: the instances of the inner service that retries are cloned from.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::{self, ThreadId};

/// Instances to clone, none of which is cloned under the lock: `S::clone` may panic, be slow, or call the same retry.
///
/// An `S` need not be `Sync`, so whoever clones one takes it out meanwhile. Others wait without blocking their thread; for
/// them one more instance is made, so that as many threads as ever met here clone at the same time afterwards.
pub(crate) struct Spare<S>(Mutex<State<S>>);

struct State<S> {
    idle: Vec<S>,
    /// Threads that clone an instance which they took out.
    cloning: Vec<ThreadId>,
    waiting: Vec<Waker>,
}

impl<S> Spare<S> {
    /// Instances at most.
    const MAX: usize = 16;

    pub(crate) fn new(service: S) -> Self {
        Self(Mutex::new(State { idle: vec![service], cloning: Vec::new(), waiting: Vec::new() }))
    }

    fn lock(&self) -> MutexGuard<'_, State<S>> {
        // Nothing of the user's runs under the lock, except a waker's `clone`.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Is this thread inside `S::clone`? A call made there can't wait for an instance: it would wait for itself.
    pub(crate) fn is_cloning_here(&self) -> bool {
        self.lock().cloning.contains(&thread::current().id())
    }
}

impl<S: Clone> Spare<S> {
    /// A fresh clone.
    pub(crate) fn poll_clone(&self, cx: &Context<'_>) -> Poll<S> {
        let taken = {
            let waker = cx.waker().clone();
            let mut state = self.lock();
            let Some(service) = state.idle.pop() else {
                state.waiting.push(waker);
                return Poll::Pending;
            };
            state.cloning.push(thread::current().id());
            Taken { spare: self, service: Some(service), more: None }
        };
        Poll::Ready(taken.clone())
    }
}

/// An instance that was taken out, and is put back when this is dropped.
struct Taken<'s, S> {
    spare: &'s Spare<S>,
    service: Option<S>,
    /// Made for those who wait.
    more: Option<S>,
}

impl<S: Clone> Taken<'_, S> {
    fn clone(mut self) -> S {
        let service = self.service.as_ref().expect("it is put back at the end");
        let copy = service.clone();
        let contended = {
            let state = self.spare.lock();
            !state.waiting.is_empty() && state.idle.len() + state.cloning.len() < Spare::<S>::MAX
        };
        if contended {
            self.more = Some(service.clone());
        }
        copy
    }
}

impl<S> Drop for Taken<'_, S> {
    fn drop(&mut self) {
        let waiting = {
            let mut state = self.spare.lock();
            let here = thread::current().id();
            if let Some(place) = state.cloning.iter().position(|thread| *thread == here) {
                state.cloning.swap_remove(place);
            }
            state.idle.extend(self.service.take());
            state.idle.extend(self.more.take());
            std::mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }
}
