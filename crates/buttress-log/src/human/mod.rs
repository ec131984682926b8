//! Lines for people, made from JSON lines.

mod render;
mod writer;

pub use writer::{Human, HumanWriter};
