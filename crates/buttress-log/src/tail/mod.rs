//! The DEBUG and TRACE records of a call, kept until it is known how the call ends.

mod buffer;
mod lines;

pub(crate) use buffer::{LineOutput, TailBuffer};
