//! Lines for people, made from JSON lines.

pub(crate) mod render;
mod writer;

pub use writer::{Human, HumanWriter};
