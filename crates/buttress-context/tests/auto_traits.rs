//! Every public type goes wherever a task goes. The compiler runs these tests.
//! (That the guard of a frame does not is a test in its documentation.)

use std::marker::PhantomPinned;

use buttress_context::*;

const fn all<T: Send + Sync + Unpin>() {}
const fn send<T: Send + Sync>() {}

const _: () = {
    all::<(Context, Deadline, Value, Frame, Report)>();
    all::<(RequestId, InvalidRequestId, Trace, TraceId, SpanId)>();
    all::<(ContextLayer, ContextService<()>)>();
    all::<(Scope<()>, ResponseFuture<()>)>();
    send::<Scope<PhantomPinned>>();
    all::<(TaskGroup<()>, Supervised<()>)>();
};

/// Futures carry a frame, and threads swap it: it stays small.
const _: () = {
    assert!(size_of::<Context>() <= 104);
    assert!(size_of::<Frame>() <= 168);
};
