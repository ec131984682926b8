//! Panics of the inner service.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;

use super::{Subject, call, make_ready};
use crate::drive::Driver;
use crate::{Boom, Step, Strict};

pub(crate) async fn in_call<S: Subject>(layer: &impl Fn(Strict) -> S, at_rest: &impl Fn()) {
    let inner = Strict::new().then(Step::panic_in_call());
    let mut service = layer(inner.clone());
    make_ready(&mut service).await;
    let mut future = None;
    let caught = catch_unwind(AssertUnwindSafe(|| future = Some(Box::pin(service.call(7)))));
    // A layer that defers its inner call has to pass the panic on in the poll.
    let caught = match (caught, future.as_mut()) {
        (Err(payload), _) => payload,
        (Ok(()), Some(future)) => until_panic::<S>(future.as_mut()).await,
        (Ok(()), None) => unreachable!("the call returned a future or panicked"),
    };
    same(&*caught);
    at_rest();
    drop((future, service));
    at_rest();
    call::answers(layer, "after a panic in call").await;
}

pub(crate) async fn in_poll<S: Subject>(layer: &impl Fn(Strict) -> S, at_rest: &impl Fn()) {
    for waits in [0, 1] {
        let inner = Strict::new().then(Step::panic().waits(waits));
        let mut service = layer(inner.clone());
        make_ready(&mut service).await;
        let mut future = Box::pin(service.call(7));
        same(&*until_panic::<S>(future.as_mut()).await);
        // Somebody further out may keep the future.
        at_rest();
        drop(future);
        drop(service);
        assert_eq!(inner.alive(), 0, "after a panic the inner future is still alive");
        at_rest();
        call::answers(layer, "after a panic in a poll").await;
    }
}

async fn until_panic<S: Subject>(mut future: std::pin::Pin<&mut S::Future>) -> Box<dyn Any + Send> {
    let poll =
        |cx: &mut std::task::Context<'_>| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(answer)) => panic!("the inner panic was swallowed: {answer:?}"),
            Err(payload) => Poll::Ready(payload),
        };
    Driver::new().finish(1, poll).await
}

fn same(payload: &(dyn Any + Send)) {
    if !Boom::is(payload) {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("another payload");
        panic!("the inner panic was changed: {text}");
    }
}
