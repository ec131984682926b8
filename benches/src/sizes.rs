//! The sizes of futures: what a call that waits costs in memory, and what a move of it copies.

use std::future::ready;

use ::http::Request;
use buttress::breaker::Window;
use buttress::{
    AttemptTimeoutLayer, Body, BreakerLayer, Client, ContextLayer, DeadlineLayer, HttpLayer, LogLayer,
    Policy, RetryLayer, TranslateLayer, retry,
};
use tower::retry::RetryLayer as TowerRetryLayer;
use tower::timeout::TimeoutLayer;
use tower::{Layer, Service};

use crate::cases::{breaker, client, http, retry as retries, stack, timeout};
use crate::peers;
use crate::service::{App, prompt};

/// One future.
pub(crate) struct Size {
    /// What the future is of.
    pub(crate) of: &'static str,
    /// `buttress` or a peer.
    pub(crate) subject: String,
    pub(crate) bytes: usize,
}

/// All that are measured, over a service whose future is two words, except for the client.
pub(crate) fn all() -> Vec<Size> {
    let ours = |of, bytes| Size { of, subject: crate::case::OURS.to_owned(), bytes };
    let limit = timeout::LIMIT;
    let policy = Policy::default();
    let client = Client::<_, Request<Body>>::new("payments", http::Prompt);
    vec![
        ours("retry function", size_of_val(&retry(&policy, || ready(Ok::<u64, App>(17))))),
        ours("retry", of(RetryLayer::new(retries::policy(None)).layer(prompt::<App>()))),
        Size {
            of: "retry",
            subject: peers::tower(),
            bytes: of(
                TowerRetryLayer::new(retries::Attempts { left: 3, budget: None }).layer(prompt::<App>())
            ),
        },
        ours("breaker", of(BreakerLayer::new(breaker::breaker(Window::count(100))).layer(prompt::<App>()))),
        ours("attempt timeout", of(AttemptTimeoutLayer::new(limit).layer(prompt::<App>()))),
        Size {
            of: "attempt timeout",
            subject: peers::tower(),
            bytes: of(TimeoutLayer::new(limit).layer(prompt::<App>())),
        },
        ours("deadline", of(DeadlineLayer::new(limit).layer(prompt::<App>()))),
        ours("translate", of(TranslateLayer::new("payments").layer(prompt::<App>()))),
        ours("context", of(ContextLayer::new().layer(prompt::<App>()))),
        ours("log", of(LogLayer::new("payments").layer(prompt::<App>()))),
        ours("http", of_http(HttpLayer::new("payments").layer(http::Prompt))),
        ours("stack", of(stack::ours::<App>())),
        ours("client stack", of(client::ours::<App>())),
        ours("client, `send`", size_of_val(&client.send(http::request::<Body>()(0)))),
        Size {
            of: "client, `send`",
            subject: peers::tower_http(),
            bytes: of_peer(client::tower_http_service()),
        },
    ]
}

fn of<S: Service<u64>>(_: S) -> usize {
    size_of::<S::Future>()
}

fn of_http<S: Service<Request<Body>>>(_: S) -> usize {
    size_of::<S::Future>()
}

fn of_peer<S: Service<Request<http::Bytes>>>(_: S) -> usize {
    size_of::<S::Future>()
}
