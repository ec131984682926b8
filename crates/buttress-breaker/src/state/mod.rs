//! The circuit as a plain value: time and outcome go in, a decision comes out. No clock, no lock, no I/O.

mod change;
mod circuit;
mod fleet;
mod in_flight;
mod judge;
mod orders;
mod pass;
mod ramp;
mod reconfigure;
mod refusal;
mod round;
#[cfg(test)]
mod simulation;
mod snapshot;
#[cfg(test)]
pub(crate) mod tests;
mod time;
mod turn;
mod wait;

pub use change::State;
pub(crate) use change::{Change, Due, Failure, Mark};
pub(crate) use circuit::{Answer, Circuit};
pub(crate) use orders::Order;
pub(crate) use pass::{BLIND, Pass};
pub(crate) use ramp::STEPS;
pub(crate) use refusal::{Refusal, Refused};
pub(crate) use round::Bad;
pub(crate) use snapshot::Snapshot;
pub(crate) use time::{NEVER, Nanos, nanos};
