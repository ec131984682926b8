//! The errors of tower's own layers.

use std::error::Error as StdError;

use tower::buffer::error::Closed;
use tower::load_shed::error::Overloaded;
use tower::timeout::error::Elapsed;

use crate::axes::Delivery;
use crate::class::Class;
use crate::classify::Classify;
use crate::kind::Kind;

impl Classify for Elapsed {
    fn class(&self) -> Class {
        Class::new(Kind::Timeout)
    }
}

impl Classify for Overloaded {
    fn class(&self) -> Class {
        Class::new(Kind::Rejected)
    }
}

/// The buffer's worker is gone.
impl Classify for Closed {
    fn class(&self) -> Class {
        Class::new(Kind::Unavailable).delivery(Delivery::NotProcessed)
    }
}

pub(super) fn class(error: &(dyn StdError + 'static)) -> Option<Class> {
    (error.downcast_ref::<Elapsed>().map(Classify::class))
        .or_else(|| error.downcast_ref::<Overloaded>().map(Classify::class))
        .or_else(|| error.downcast_ref::<Closed>().map(Classify::class))
}
