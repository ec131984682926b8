//! The circuit as a plain value: time and outcome go in, a decision comes out. No clock, no lock, no I/O.

mod change;
mod circuit;
mod orders;
mod round;
#[cfg(test)]
pub(crate) mod tests;
mod time;
mod turn;
mod wait;

pub use change::State;
pub(crate) use change::{Change, Due, Failure, Mark};
pub(crate) use circuit::{Answer, Circuit, Pass, Refusal};
pub(crate) use orders::Order;
pub(crate) use time::{Nanos, nanos};
