#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod caller_clock;
mod context;
mod deadline;
mod extensions;
mod fields;
mod frame;
#[cfg(feature = "http")]
mod http;
mod last_poll;
mod layer;
mod random;
mod replay;
mod report;
mod request_id;
mod scope;
mod service;
mod spawn;
mod supervised;
mod task;
mod task_group;
mod trace;

#[cfg(feature = "http")]
pub use self::http::{IDEMPOTENCY_KEY, ReplayBody, has_idempotency_key, idempotent};
pub use buttress_error::Value;
pub use caller_clock::{CallerClock, CallerTime};
pub use context::Context;
pub use deadline::Deadline;
pub use frame::{Frame, FrameGuard};
pub use last_poll::LastPoll;
pub use layer::ContextLayer;
pub use replay::Replay;
pub use report::Report;
pub use request_id::{InvalidRequestId, RequestId};
pub use scope::Scope;
pub use service::{ContextService, ResponseFuture};
pub use spawn::{spawn, spawn_blocking, with_current_context, with_current_context_future};
pub use supervised::{Supervised, spawn_supervised};
pub use task_group::TaskGroup;
pub use trace::{InvalidTrace, SampleRatio, SpanId, Trace, TraceId};
