//! `Extensions`: values of the application's own types.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// One value of each type, in a list: a call has few, and a search in a short list is fast.
#[derive(Clone, Default)]
pub(crate) struct Extensions(Vec<Arc<dyn Any + Send + Sync>>);

impl Extensions {
    pub(crate) fn get<T: Any>(&self) -> Option<&T> {
        self.0.iter().find_map(|value| (**value).downcast_ref())
    }

    pub(crate) fn insert<T: Any + Send + Sync>(&mut self, value: T) {
        let value = Arc::new(value);
        match self.0.iter_mut().find(|own| (***own).is::<T>()) {
            Some(old) => *old = value,
            None => self.0.push(value),
        }
    }
}

/// Shows only their number: the values need not be `Debug`.
impl fmt::Debug for Extensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Extensions").field(&self.0.len()).finish()
    }
}
