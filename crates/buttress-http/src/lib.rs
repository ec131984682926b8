#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod bad_status;
mod bearer;
mod body;
mod body_end;
mod boundary;
mod classify;
mod client;
mod grpc_timeout;
mod guard;
mod headers;
mod idempotency;
mod layer;
mod origin;
mod problem;
mod request;
mod retry_after;
mod upload;

pub use bad_status::BadStatus;
pub use bearer::{Bearer, BearerLayer, BearerService};
pub use body::Body;
pub use body_end::{AtBodyEnd, TrackedBody, at_body_end, track_body};
#[cfg(feature = "serde_path_to_error")]
#[cfg_attr(docsrs, doc(cfg(feature = "serde_path_to_error")))]
pub use boundary::invalid_at;
pub use boundary::read_json;
#[cfg(feature = "garde")]
#[cfg_attr(docsrs, doc(cfg(feature = "garde")))]
pub use boundary::{invalid, read_valid_json};
#[doc(inline)]
pub use buttress_error::Transport;
pub use classify::{ByStatus, Profile, http_classifier, translate};
#[cfg(feature = "reqwest")]
pub use client::{CrossOriginRedirect, same_origin};
pub use client::{FromHttp, IntoHttp, ResponseHead};
pub use grpc_timeout::{GrpcTimeout, InvalidGrpcTimeout};
pub use guard::{BodyGuard, GuardedBody};
pub use headers::{ATTEMPT, DEADLINE, REQUEST_ID, SHOULD_RETRY, TRACEPARENT};
pub use idempotency::{IdempotencyKeyLayer, IdempotencyKeyService};
pub use layer::{HttpLayer, HttpService, ResponseFuture};
pub use origin::InvalidOrigin;
pub use problem::{Problem, ProblemDetails};
pub use request::IntoRequest;
pub use retry_after::retry_after;
