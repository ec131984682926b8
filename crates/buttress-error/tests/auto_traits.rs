//! Every public type goes wherever a task goes. The compiler runs these tests.

use buttress_error::*;

const fn all<T: Send + Sync + Unpin + 'static>() {}

const _: () = {
    all::<(BreakerEffect, Delivery, Fault, Level, RetryAdvice, Kind, Class, Verdict, ByKind)>();
    all::<(Error, BoxError, Rejection, Cause, Trip, TripReason, RejectionReason, ConfigError)>();
    all::<(RetrySummary, StopReason, FailedAttempt, Handled, WireError, Value, Violation)>();
    all::<(ErrorGroup, ErrorReport<'_>, Safe<'_>, Exit, ExitProfile)>();
    #[cfg(feature = "serde")]
    all::<(Outcome<()>, Failure)>();
    all::<(Foreign, TranslateLayer, TranslateService<(), Foreign>, ResponseFuture<(), Foreign>)>();
};

const fn unwinds<T: std::panic::UnwindSafe + std::panic::RefUnwindSafe>() {}

const _: () = unwinds::<(Error, Kind, Class, Verdict, RetrySummary, ConfigError)>();
