//! What an answer, or the lack of one, means.

mod base64;
mod by_status;
mod grpc;
mod translate;
mod words;

pub(crate) use by_status::{AnsweredInStall, RequestTraits, stalled};
pub use by_status::{ByStatus, Profile, http_classifier};
pub(crate) use grpc::{is_grpc, status as grpc_status};
pub(crate) use translate::cut;
pub use translate::translate;
