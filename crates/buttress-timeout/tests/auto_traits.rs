//! Which auto traits the public types have; a change is a breaking one.

use std::convert::Infallible;
use std::future::Ready;
use std::marker::PhantomPinned;
use std::rc::Rc;

use buttress_timeout::{
    AttemptTimeoutLayer, AttemptTimeoutService, ConfigError, DeadlineLayer, DeadlineService, attempt,
    deadline,
};

type Inner = Ready<Result<u32, Infallible>>;

const fn all<T: Send + Sync + Unpin + Clone + std::fmt::Debug>() {}
const fn send_sync<T: Send + Sync + std::fmt::Debug>() {}

#[test]
fn public_types_go_anywhere() {
    all::<AttemptTimeoutLayer>();
    all::<DeadlineLayer>();
    all::<AttemptTimeoutService<()>>();
    all::<DeadlineService<()>>();
    all::<ConfigError>();
    send_sync::<attempt::ResponseFuture<Inner>>();
    send_sync::<deadline::ResponseFuture<Inner>>();
}

/// Nothing is asked of the inner types: the structs exist over any.
#[test]
fn nothing_is_asked_of_the_inner_types() {
    struct NoTraits(#[expect(dead_code)] Rc<()>, PhantomPinned);
    let _ = std::mem::size_of::<AttemptTimeoutService<NoTraits>>();
    let _ = std::mem::size_of::<DeadlineService<NoTraits>>();
    let _ = std::mem::size_of::<attempt::ResponseFuture<NoTraits>>();
    let _ = std::mem::size_of::<deadline::ResponseFuture<NoTraits>>();
}
