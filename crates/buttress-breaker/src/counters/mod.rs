//! The lock-free side: what calls read and count without the circuit's lock.

pub(crate) mod gate;
pub(crate) mod shards;
pub(crate) mod slot;
mod sync;
