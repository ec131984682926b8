//! One breaker for each key.

pub(crate) mod breakers;
pub(crate) mod builder;
pub(crate) mod key;
pub(crate) mod layer;
mod name;
pub(crate) mod service;
