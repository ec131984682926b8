//! The breaker as tower layers and services.

pub(crate) mod backpressure;
pub(crate) mod future;
pub(crate) mod keyed;
pub(crate) mod layer;
pub(crate) mod service;
