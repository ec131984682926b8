//! The classes of responses and of client errors.

mod base64;
mod by_status;
mod grpc;
mod reason;
mod translate;

pub use by_status::{ByStatus, Profile, http_classifier};
pub(crate) use by_status::{RequestTraits, RespondedInStall, stalled};
pub(crate) use grpc::{is_grpc, status as grpc_status};
pub(crate) use translate::guard_error;
pub use translate::translate;
