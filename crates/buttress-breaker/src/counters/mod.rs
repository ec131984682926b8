//! What calls read and count without the circuit's lock.

pub(crate) mod fast_path;
pub(crate) mod shards;
mod sync;
pub(crate) mod thread_slot;
