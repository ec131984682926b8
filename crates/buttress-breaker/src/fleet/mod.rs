//! One breaker shared by many processes.
//!
//! Two hundred processes, each with a breaker of its own, learn of an outage two hundred times and send two hundred times
//! the probes. A [`StateStore`] joins them: each breaker stays complete, decides every call from memory and never waits
//! for the store; a task in the background ([`Breaker::join_fleet`](crate::Breaker::join_fleet)) reports what was
//! counted, and brings back the verdict of the fleet and leases for its probes. The fleet opens by the rate of all its
//! calls and the votes of several nodes, so that a lone sick node opens only itself.

mod join;
mod store;

pub use crate::circuit::lease::{FleetState, Lease, ProbeResult};
pub use store::{FleetSettings, StateStore, SyncReply, SyncReport};
