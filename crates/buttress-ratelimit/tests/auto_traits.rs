//! Which auto traits the public types have; a change is a breaking one.

use std::marker::PhantomPinned;
use std::rc::Rc;

use buttress_ratelimit::{
    KeyedRateLimits, Permit, Rate, RateLimit, RateLimitLayer, RateLimitService, RateLimitStats, Reservation,
    ResponseFuture,
};

const fn all<T: Send + Sync + Unpin + Clone + std::fmt::Debug>() {}
const fn send_sync<T: Send + Sync + std::fmt::Debug>() {}

#[test]
fn public_types_go_anywhere() {
    all::<Rate>();
    all::<RateLimit>();
    all::<RateLimitStats>();
    all::<KeyedRateLimits<String>>();
    all::<RateLimitLayer>();
    all::<RateLimitService<()>>();
    send_sync::<Permit>();
    send_sync::<Reservation>();
    send_sync::<ResponseFuture<(), (), (), ()>>();
}

/// Nothing is asked of the inner types: the structs exist over any.
#[test]
fn nothing_is_asked_of_the_inner_types() {
    struct NoTraits(#[expect(dead_code)] Rc<()>, PhantomPinned);
    let _ = size_of::<RateLimitService<NoTraits>>();
    let _ = size_of::<ResponseFuture<NoTraits, NoTraits, NoTraits, NoTraits>>();
}
