//! One idempotency key for all attempts.

mod layer;
mod service;

pub use layer::IdempotencyKeyLayer;
pub use service::IdempotencyKeyService;
