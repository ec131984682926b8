//! The table of all axes of all kinds. `kinds.json` and the documentation are generated from it.

use crate::axes::{BreakerEffect, Delivery, Fault, Level, RetryAdvice};
use crate::kind::Kind;

pub(crate) struct Row {
    pub(crate) kind: Kind,
    pub(crate) name: &'static str,
    pub(crate) canonical: Kind,
    pub(crate) http: u16,
    pub(crate) retry: RetryAdvice,
    pub(crate) delivery: Delivery,
    pub(crate) fault: Fault,
    pub(crate) breaker: BreakerEffect,
    pub(crate) level: Level,
    pub(crate) exit: u8,
    pub(crate) sysexit: u8,
}

/// The row of `kind`, in constant time: numbers 1 to 16 and 32 to 37 lie without a gap in the table.
pub(crate) const fn row(kind: Kind) -> &'static Row {
    let number = kind as usize;
    &TABLE[if number <= 16 { number - 1 } else { number - 16 }]
}

#[allow(clippy::too_many_arguments)]
const fn r(
    kind: Kind,
    name: &'static str,
    canonical: Kind,
    http: u16,
    retry: RetryAdvice,
    delivery: Delivery,
    fault: Fault,
    breaker: BreakerEffect,
    level: Level,
    exit: u8,
    sysexit: u8,
) -> Row {
    Row { kind, name, canonical, http, retry, delivery, fault, breaker, level, exit, sysexit }
}

use BreakerEffect::{Failure, No, Throttle};
use Delivery::{NotProcessed, Processed};
use Fault::{Caller, Dependency, Environment, Operator, Ourselves};
use Kind as K;
use Level::{Debug, Error, Info, Warn};
use RetryAdvice::{AfterRemedy, Call, Never, Operation};

#[rustfmt::skip]
pub(crate) static TABLE: [Row; 22] = [
    r(K::Cancelled, "cancelled", K::Cancelled, 499, Never, Delivery::Unknown, Caller, No, Debug, 130, 130),
    r(K::Unknown, "unknown", K::Unknown, 500, Never, Delivery::Unknown, Ourselves, Failure, Error, 1, 70),
    r(K::InvalidArgument, "invalid_argument", K::InvalidArgument, 400, Never, Processed, Caller, No, Info, 2, 64),
    r(K::DeadlineExceeded, "deadline_exceeded", K::DeadlineExceeded, 504, Never, Delivery::Unknown, Dependency, Failure, Warn, 1, 75),
    r(K::NotFound, "not_found", K::NotFound, 404, Never, Processed, Caller, No, Info, 1, 66),
    r(K::AlreadyExists, "already_exists", K::AlreadyExists, 409, Never, Processed, Caller, No, Info, 1, 73),
    r(K::PermissionDenied, "permission_denied", K::PermissionDenied, 403, Never, Processed, Caller, No, Warn, 1, 77),
    r(K::ResourceExhausted, "resource_exhausted", K::ResourceExhausted, 429, Never, Processed, Environment, No, Warn, 1, 71),
    r(K::FailedPrecondition, "failed_precondition", K::FailedPrecondition, 400, AfterRemedy, Processed, Caller, No, Info, 1, 69),
    r(K::Aborted, "aborted", K::Aborted, 409, Operation, Processed, Caller, No, Info, 1, 75),
    r(K::OutOfRange, "out_of_range", K::OutOfRange, 400, Never, Processed, Caller, No, Info, 2, 65),
    r(K::Unimplemented, "unimplemented", K::Unimplemented, 501, Never, Processed, Ourselves, No, Error, 1, 69),
    r(K::Internal, "internal", K::Internal, 500, Never, Delivery::Unknown, Ourselves, Failure, Error, 1, 70),
    r(K::Unavailable, "unavailable", K::Unavailable, 503, Call, Delivery::Unknown, Dependency, Failure, Warn, 1, 75),
    r(K::DataLoss, "data_loss", K::DataLoss, 500, Never, Processed, Ourselves, Failure, Error, 1, 74),
    r(K::Unauthenticated, "unauthenticated", K::Unauthenticated, 401, AfterRemedy, Processed, Caller, No, Info, 1, 77),
    r(K::Throttled, "throttled", K::ResourceExhausted, 429, Call, NotProcessed, Dependency, Throttle, Warn, 1, 75),
    r(K::Timeout, "timeout", K::DeadlineExceeded, 504, Call, Delivery::Unknown, Dependency, Failure, Warn, 1, 75),
    r(K::Rejected, "rejected", K::Unavailable, 503, Call, NotProcessed, Ourselves, No, Warn, 1, 75),
    r(K::BadResponse, "bad_response", K::Internal, 502, Never, Processed, Dependency, Failure, Error, 1, 76),
    r(K::Config, "config", K::Internal, 500, Never, NotProcessed, Operator, No, Error, 2, 78),
    r(K::Panic, "panic", K::Internal, 500, Never, Delivery::Unknown, Ourselves, Failure, Error, 101, 70),
];
