//! `Rare`: a box that most calls don't have.

use std::pin::Pin;

/// A pinned box whose drop is never a part of its holder's: the drop of a future that rarely has one stays so small that
/// it becomes a part of its caller, and then a future that ends at once needs no memory.
pub(crate) struct Rare<T>(Option<Pin<Box<T>>>);

impl<T> Rare<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Some(Box::pin(value)))
    }

    pub(crate) fn get(&mut self) -> Pin<&mut T> {
        self.0.as_mut().expect("it is there until it is dropped").as_mut()
    }

    pub(crate) fn as_ref(&self) -> Option<&T> {
        self.0.as_deref()
    }
}

impl<T> Drop for Rare<T> {
    #[inline]
    fn drop(&mut self) {
        if let Some(value) = self.0.take() {
            drop_now(value);
        }
    }
}

#[cold]
#[inline(never)]
fn drop_now<T>(value: Pin<Box<T>>) {
    drop(value);
}
