#![doc = include_str!("../README.md")]

mod builder;
mod keyed;
mod shard;
mod stats;

pub use builder::KeyedBuilder;
pub use buttress_error::ConfigError;
pub use keyed::Keyed;
pub use stats::KeyedStats;
