//! The errors of tokio.

use std::error::Error as StdError;

use tokio::task::JoinError;
use tokio::time::error::Elapsed;

use crate::class::Class;
use crate::classify::Classify;
use crate::kind::Kind;

impl Classify for Elapsed {
    fn class(&self) -> Class {
        Class::new(Kind::Timeout)
    }
}

impl Classify for JoinError {
    fn class(&self) -> Class {
        Class::new(if self.is_panic() { Kind::Panic } else { Kind::Cancelled })
    }
}

pub(super) fn class(error: &(dyn StdError + 'static)) -> Option<Class> {
    (error.downcast_ref::<Elapsed>().map(Classify::class))
        .or_else(|| error.downcast_ref::<JoinError>().map(Classify::class))
}
