//! How much is logged: sampling by callsite and key, and a limit of bytes per second.

mod byte_limit;
mod counters;
mod gate;
mod key;
mod sampling;
mod summary;

pub(crate) use gate::{VolumeGate, VolumeSettings};
pub use sampling::Sampling;
