//! All that the runner uses of Buttress, by the paths that a user of the facade has.

pub(crate) use buttress::breaker::{
    Breaker, BreakerLayer, KeyedBreakers, OpenWait, Permit, Probes, SlowCall, State, Window,
};
pub(crate) use buttress::context::{Context, Frame, Report, Scope, Trace};
pub(crate) use buttress::error::{
    ByKind, Class, Classifier, ConfigError, Detectors, Error, Kind, Rejection, RetryAdvice, StopReason,
};
pub(crate) use buttress::http::{
    Body, ByStatus, GrpcTimeout, HttpLayer, Profile, Transport, http_classifier, retry_after,
};
pub(crate) use buttress::log::{JsonLayer, Limits, Redaction, as_dyn};
pub(crate) use buttress::retry::{Backoff, Budget, Jitter, Policy, Reservation, RetryLayer, retry};
