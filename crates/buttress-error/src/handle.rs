//! `Handle` and `ServiceHandle`: how a layer's services and futures share its state.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// A reference-counted handle to state that the services and response futures of a layer share.
///
/// A clone counts its references where the original does. Threads that count in one place contend for its cache line, and
/// that costs more than most calls do. [`with_own_count`](Self::with_own_count) makes a handle to the same state that
/// counts elsewhere.
pub struct Handle<T>(Count<T>);

enum Count<T> {
    /// The count that all handles begin with.
    Shared(Arc<T>),
    /// A count of its own. It holds one reference of the shared count.
    Own(Arc<OwnCount<T>>),
}

/// Two cache lines, since processors prefetch them in pairs.
#[repr(align(128))]
struct OwnCount<T>(Arc<T>);

impl<T> Handle<T> {
    /// Creates a handle to `state`.
    #[must_use]
    pub fn new(state: T) -> Self {
        Arc::new(state).into()
    }

    /// Returns a handle to the same state whose clones count references in a new place. Allocates.
    #[must_use]
    pub fn with_own_count(&self) -> Self {
        Self(Count::Own(Arc::new(OwnCount(Arc::clone(self.shared())))))
    }

    /// Returns `true` if both are handles to the same state.
    #[must_use]
    pub fn ptr_eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(self.shared(), other.shared())
    }

    fn shared(&self) -> &Arc<T> {
        match &self.0 {
            Count::Shared(state) => state,
            Count::Own(own) => &own.0,
        }
    }
}

impl<T> From<Arc<T>> for Handle<T> {
    fn from(state: Arc<T>) -> Self {
        Self(Count::Shared(state))
    }
}

impl<T> Clone for Handle<T> {
    #[inline]
    fn clone(&self) -> Self {
        Self(match &self.0 {
            Count::Shared(state) => Count::Shared(Arc::clone(state)),
            Count::Own(own) => Count::Own(Arc::clone(own)),
        })
    }
}

impl<T> Deref for Handle<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        self.shared()
    }
}

impl<T: fmt::Debug> fmt::Debug for Handle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// What [`ServiceHandle`] holds: a [`Handle`], or a public handle that wraps one.
pub trait SharedState: Clone {
    /// Returns a handle to the same state whose clones count references in a new place.
    #[must_use]
    fn with_own_count(&self) -> Self;
}

impl<T> SharedState for Handle<T> {
    fn with_own_count(&self) -> Self {
        Self::with_own_count(self)
    }
}

/// The handle of a service. From its second call on, the service counts the references of its response futures in a place
/// of its own, so that threads with a clone of the service each do not contend.
///
/// A service keeps one in a field and passes [`for_call`](Self::for_call) to each response future. Its clone has made no
/// call: a service that is cloned for every call never pays for a count of its own.
pub struct ServiceHandle<H> {
    handle: H,
    calls: Calls,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Calls {
    None,
    One,
    /// The handle has its own count.
    Many,
}

impl<H: Clone> ServiceHandle<H> {
    /// Creates the handle of a service that has made no call.
    pub const fn new(handle: H) -> Self {
        Self { handle, calls: Calls::None }
    }

    /// Returns the handle for the response future of the next call.
    #[inline]
    #[must_use]
    pub fn for_call(&mut self) -> H
    where
        H: SharedState,
    {
        self.for_call_with(H::with_own_count)
    }

    /// As [`for_call`](Self::for_call), for a handle that another function gives a count of its own.
    #[inline]
    #[must_use]
    pub fn for_call_with(&mut self, with_own_count: impl FnOnce(&H) -> H) -> H {
        match self.calls {
            Calls::None => self.calls = Calls::One,
            Calls::One => {
                self.handle = with_own_count(&self.handle);
                self.calls = Calls::Many;
            }
            Calls::Many => {}
        }
        self.handle.clone()
    }
}

impl<H: Clone> Clone for ServiceHandle<H> {
    fn clone(&self) -> Self {
        Self::new(self.handle.clone())
    }
}

impl<H> Deref for ServiceHandle<H> {
    type Target = H;

    #[inline]
    fn deref(&self) -> &H {
        &self.handle
    }
}

impl<H: fmt::Debug> fmt::Debug for ServiceHandle<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.handle.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has_own_count<T>(handle: &Handle<T>) -> bool {
        matches!(handle.0, Count::Own(_))
    }

    #[test]
    fn the_second_call_counts_in_a_place_of_its_own() {
        let state = Arc::new(7);
        let mut service = ServiceHandle::new(Handle::from(Arc::clone(&state)));

        let first = service.for_call();
        assert!(!has_own_count(&first));
        assert_eq!(Arc::strong_count(&state), 3);

        let calls = [service.for_call(), service.for_call(), service.for_call()];
        assert!(calls.iter().all(has_own_count));
        assert!(calls.iter().all(|call| **call == 7 && call.ptr_eq(&first)));
        // The test, the first call, and one for the own count of all others.
        assert_eq!(Arc::strong_count(&state), 3);
    }

    #[test]
    fn a_clone_for_each_call_has_no_count_of_its_own() {
        let service = ServiceHandle::new(Handle::new(7));
        for _ in 0..3 {
            assert!(!has_own_count(&service.clone().for_call()));
        }
    }

    /// A clone counts with its original until its own second call.
    #[test]
    fn a_clone_begins_anew() {
        let mut service = ServiceHandle::new(Handle::new(7));
        let _ = (service.for_call(), service.for_call());
        let Count::Own(original) = &service.handle.0 else { panic!("two calls were made") };

        let mut clone = service.clone();
        let _ = clone.for_call();
        assert!(matches!(&clone.handle.0, Count::Own(own) if Arc::ptr_eq(own, original)));
        let _ = clone.for_call();
        assert!(matches!(&clone.handle.0, Count::Own(own) if !Arc::ptr_eq(own, original)));
        assert!(clone.ptr_eq(&service));
    }

    #[test]
    fn the_last_handle_drops_the_state() {
        let state = Arc::new(());
        let weak = Arc::downgrade(&state);
        let mut service = ServiceHandle::new(Handle::from(state));
        let calls = [service.for_call(), service.for_call()];
        drop(service);
        assert!(weak.upgrade().is_some());
        drop(calls);
        assert!(weak.upgrade().is_none());
    }
}
