//! The message of a rejection.

use std::fmt;

use super::{Detail, Rejection};

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (layer, elapsed) = (self.layer(), self.elapsed());
        match &self.detail {
            Detail::CircuitOpen(trip) => {
                write!(f, "{layer}: circuit open for {elapsed:.1?} ({})", trip.reason)?;
            }
            Detail::ProbesTaken(trip) => {
                write!(f, "{layer}: circuit half-open, all probes in flight ({})", trip.reason)?;
            }
            Detail::ForcedOpen { .. } => write!(f, "{layer}: circuit forced open for {elapsed:.1?}")?,
            Detail::Ramping { percent, .. } => {
                write!(f, "{layer}: circuit recovering for {elapsed:.1?}, admitting {percent} % of calls")?;
            }
            Detail::AttemptTimeout { limit, .. } => {
                let limit = limit.time();
                write!(f, "{layer}: attempt timed out after {elapsed:.1?} (limit {limit:?})")?;
            }
            Detail::RequestStalled { limit, .. } => {
                let limit = limit.time();
                write!(f, "{layer}: request body stalled for {elapsed:.1?} (limit {limit:?})")?;
            }
            Detail::Deadline { limit, .. } => {
                let limit = limit.time();
                write!(f, "{layer}: deadline exceeded after {elapsed:.1?} (limit {limit:?})")?;
            }
            Detail::RateLimited { .. } => write!(f, "{layer}: too many calls")?,
            Detail::ExceedsBurst { weight, burst, .. } => {
                write!(f, "{layer}: call needs {weight} permits, more than the burst of {burst}")?;
            }
        }
        if let Some(wait) = self.retry_after() {
            write!(f, ", retry after {wait:.1?}")?;
        }
        if let Some(cause) = self.cause() {
            write!(f, ", last failure: {}", cause.kind)?;
            if let Some(reason) = cause.reason {
                write!(f, " ({reason})")?;
            }
        }
        Ok(())
    }
}
