//! The context of a call: entering its scope, and reading it.

use std::convert::Infallible;
use std::hint::black_box;
use std::pin::pin;
use std::task::{self, Poll, Waker};

use buttress::{Context, ContextLayer};
use tower::Layer;

use super::bare;
use crate::case::{BARE, Case, OURS, Subject, named, with_each_error};
use crate::drive::{Ends, awaited, calls, drive};
use crate::peers;
use crate::service::{self, Failure};

pub(super) const CASES: [Case; 4] = [
    Case { name: "context/scope-and-read", subjects: || vec![bare_scope(), our_scope(), tokio_scope()] },
    Case { name: "context/poll-and-read", subjects: || vec![bare_poll(), our_poll(), tokio_poll()] },
    Case { name: "context/read", subjects: || vec![bare_read(), our_read(), tokio_read()] },
    Case { name: "context/layer", subjects: || with_each_error!(layer()) },
];

tokio::task_local! {
    /// The smallest value that can travel: a number, where a context is a struct.
    static REQUEST: u64;
}

/// Two values set, neither of them text.
fn context() -> Context {
    Context::default().with_attempt(2).with_idempotent(true)
}

/// The application's function, which reads.
#[inline(never)]
async fn handler<T>(read: impl Fn() -> T) -> Result<T, Infallible> {
    Ok(read())
}

fn our_value() -> u32 {
    Context::read(|context| black_box(context.attempt()))
}

fn tokio_value() -> u64 {
    REQUEST.with(|value| black_box(*value))
}

fn bare_scope() -> Subject {
    Subject::new(BARE, awaited(Ends::Well, async |number| handler(|| black_box(number)).await))
}

/// A scope for each call: clone the context, enter, read, leave.
fn our_scope() -> Subject {
    let context = context();
    Subject::new(OURS, awaited(Ends::Well, async move |_| context.clone().scope(handler(our_value)).await))
}

/// A scope for each call: make the value, enter, read, leave.
fn tokio_scope() -> Subject {
    let call = async |number| REQUEST.scope(number, handler(tokio_value)).await;
    Subject::new(peers::tokio() + "/task_local", awaited(Ends::Well, call))
}

fn bare_poll() -> Subject {
    Subject::new(BARE, move |n| poll(n, async_read(|| black_box(17))))
}

/// One scope that is polled again and again, as of a call that waits: enter, read, leave.
fn our_poll() -> Subject {
    let context = context();
    Subject::new(OURS, move |n| poll(n, context.clone().scope(async_read(our_value))))
}

/// The same.
fn tokio_poll() -> Subject {
    Subject::new(peers::tokio() + "/task_local", move |n| {
        poll(n, REQUEST.scope(black_box(17), async_read(tokio_value)));
    })
}

/// Reads at every poll and never ends.
fn async_read<T>(read: impl Fn() -> T) -> impl Future<Output = ()> {
    std::future::poll_fn(move |_| {
        black_box(read());
        Poll::Pending
    })
}

fn poll(n: u64, future: impl Future<Output = ()>) {
    let mut future = pin!(future);
    let mut cx = task::Context::from_waker(Waker::noop());
    let pending = (0..n).filter(|_| future.as_mut().poll(&mut cx).is_pending()).count();
    assert_eq!(pending as u64, n, "polls");
}

fn bare_read() -> Subject {
    Subject::new(BARE, reads(|| black_box(17)))
}

/// Reads inside of one scope.
fn our_read() -> Subject {
    let context = context();
    let mut work = reads(our_value);
    Subject::new(OURS, move |n| context.clone().run(|| work(n)))
}

/// The same.
fn tokio_read() -> Subject {
    let mut work = reads(tokio_value);
    Subject::new(peers::tokio() + "/task_local", move |n| {
        drive(REQUEST.scope(black_box(17), async { work(n) }));
    })
}

/// Reads in a function that is awaited for each.
fn reads<T>(read: impl Fn() -> T + Copy + Send + 'static) -> impl FnMut(u64) + Send + 'static {
    awaited(Ends::Well, async move |_| handler(read).await)
}

/// A service that gives every call a request id and a trace.
fn layer<E: Failure>() -> Vec<Subject> {
    let ours = ContextLayer::new().layer(service::prompt::<E>());
    vec![bare::<E>(), Subject::new(named::<E>(OURS), calls(ours, Ends::Well))]
}
