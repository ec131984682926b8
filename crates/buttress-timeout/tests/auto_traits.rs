//! Which auto traits the public types have; a change is a breaking one.

use std::convert::Infallible;
use std::future::Ready;
use std::marker::PhantomPinned;
use std::rc::Rc;

use buttress_timeout::{
    AttemptTimeoutFuture, AttemptTimeoutLayer, AttemptTimeoutService, ConfigError, DeadlineFuture,
    DeadlineLayer, DeadlineService,
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
    send_sync::<AttemptTimeoutFuture<Inner>>();
    send_sync::<DeadlineFuture<Inner>>();
}

/// Nothing is asked of the inner types: the structs exist over any.
#[test]
fn nothing_is_asked_of_the_inner_types() {
    struct NoTraits(#[expect(dead_code)] Rc<()>, PhantomPinned);
    let _ = std::mem::size_of::<AttemptTimeoutService<NoTraits>>();
    let _ = std::mem::size_of::<DeadlineService<NoTraits>>();
    let _ = std::mem::size_of::<AttemptTimeoutFuture<NoTraits>>();
    let _ = std::mem::size_of::<DeadlineFuture<NoTraits>>();
}
