//! A circuit that makes its callers wait instead of refusing them.

pub(crate) mod layer;
pub(crate) mod service;
