//! One breaker shared by many processes.
//!
//! Two hundred processes, each with its own breaker, detect an outage two hundred times and send two hundred times the
//! probes. A [`StateStore`] joins them. Each breaker stays complete, decides every call from memory, and never waits for the
//! store. A background task ([`Breaker::join_fleet`](crate::Breaker::join_fleet)) reports its counts, and returns the state
//! of the fleet and leases for its probes. The fleet opens by the rate of all its calls and the votes of several nodes, so a
//! single failing node opens only itself.

mod join;
mod store;

pub use crate::circuit::fleet::{FleetState, Lease, ProbeResult};
pub use store::{FleetSettings, StateStore, SyncReply, SyncReport};
