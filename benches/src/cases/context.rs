//! What travels with a call: entering its scope and reading it.

use std::hint::black_box;
use std::pin::pin;
use std::task::{self, Poll, Waker};

use buttress::{Context, ContextLayer};
use tower::Layer;

use super::bare;
use crate::case::{BARE, Case, OURS, Subject};
use crate::drive::{Ends, calls, drive};
use crate::peers;
use crate::service;

pub(super) const CASES: [Case; 4] = [
    Case { name: "context/scope-and-read", subjects: || vec![bare_scope(), our_scope(), tokio_scope()] },
    Case { name: "context/poll-and-read", subjects: || vec![bare_poll(), our_poll(), tokio_poll()] },
    Case { name: "context/read", subjects: || vec![bare_read(), our_read(), tokio_read()] },
    Case { name: "context/layer", subjects: || vec![bare(), our_layer()] },
];

tokio::task_local! {
    /// The least that can travel: a number, where a context is a struct.
    static REQUEST: u64;
}

/// Stands for the read where there is nothing to read from.
fn bare_scope() -> Subject {
    Subject::new(BARE, |n| {
        for value in 0..n {
            black_box(drive(async { black_box(value) }));
        }
    })
}

/// Two values set, neither of them text.
fn context() -> Context {
    Context::default().with_attempt(2).with_idempotent(true)
}

fn our_value() -> u32 {
    Context::read(|context| black_box(context.attempt()))
}

/// A scope for each call: clone the context, enter, read, leave.
fn our_scope() -> Subject {
    let context = context();
    Subject::new(OURS, move |n| {
        for _ in 0..n {
            black_box(drive(context.clone().scope(async { our_value() })));
        }
    })
}

/// A scope for each call: make the value, enter, read, leave.
fn tokio_scope() -> Subject {
    Subject::new(peers::tokio() + "/task_local", move |n| {
        for _ in 0..n {
            black_box(drive(REQUEST.scope(black_box(17), async { tokio_value() })));
        }
    })
}

fn tokio_value() -> u64 {
    REQUEST.with(|value| black_box(*value))
}

fn bare_poll() -> Subject {
    Subject::new(BARE, move |n| poll(n, async_read(|| black_box(17))))
}

/// One scope polled again and again, as a call that waits: enter, read, leave.
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

/// Reads at every poll, and never ends.
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
    Subject::new(BARE, |n| {
        for _ in 0..n {
            black_box(black_box(17));
        }
    })
}

/// Reads inside of one scope.
fn our_read() -> Subject {
    let context = context();
    Subject::new(OURS, move |n| {
        context.clone().run(|| {
            for _ in 0..n {
                black_box(our_value());
            }
        });
    })
}

/// The same.
fn tokio_read() -> Subject {
    Subject::new(peers::tokio() + "/task_local", move |n| {
        drive(REQUEST.scope(black_box(17), async {
            for _ in 0..n {
                black_box(tokio_value());
            }
        }));
    })
}

/// A service that gives every call a request id and a trace.
fn our_layer() -> Subject {
    Subject::new(OURS, calls(ContextLayer::new().layer(service::prompt()), Ends::Well))
}
