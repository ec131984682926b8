//! What leaves with a request, and where redirects may take it.
#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

mod common;

use std::time::Duration;

use buttress_context::{Context, RequestId, Trace};
use buttress_error::{Kind, Retry};
use buttress_http::{CrossOriginRedirect, HttpLayer, same_origin};
use common::{Server, client, get, send};
use tower::Layer;

const OK: &str = "HTTP/1.1 200 OK\nContent-Length: 0\n\n";

fn context() -> Context {
    Context::default()
        .with_request_id(RequestId::parse("order-42").unwrap())
        .with_trace(Trace::random())
        .with_timeout(Duration::from_secs(60))
}

/// The value of a header in a head that was sent.
fn sent<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// [S41] a named client sends request id and traceparent; the deadline to no origin that is not listed.
#[tokio::test]
async fn context_goes_out() {
    let server = Server::answers(OK).await;
    let cx = context();
    let trace = *cx.trace().unwrap();
    cx.scope(async {
        send(&mut client(reqwest::Client::builder()), get(&server.url)).await.unwrap();
        let head = server.heads().pop().unwrap();
        assert_eq!(sent(&head, "x-request-id"), Some("order-42"));
        let traceparent = sent(&head, "traceparent").unwrap();
        assert_eq!(traceparent.len(), 55);
        assert!(traceparent.contains(&trace.trace_id().to_string()), "the same trace");
        assert!(!traceparent.contains(&trace.span_id().to_string()), "a span of its own");
        assert_eq!(sent(&head, "x-request-deadline-ms"), None);
    })
    .await;
}

/// [S41] the deadline goes to listed origins.
#[tokio::test]
async fn the_deadline_goes_to_whom_we_trust() -> Result<(), Box<dyn std::error::Error>> {
    let server = Server::answers(OK).await;
    let http =
        HttpLayer::new("payments").trust_origin("https://elsewhere.test")?.trust_origin(&server.url)?;
    let mut client = http.layer(reqwest::Client::new());
    context().scope(send(&mut client, get(&server.url))).await?;
    let head = server.heads().pop().unwrap();
    let left: u64 = sent(&head, "x-request-deadline-ms").unwrap().parse()?;
    assert!((1..=60_000).contains(&left), "{left}");
    Ok(())
}

/// The reason for [`same_origin`]: reqwest carries our headers to wherever it is redirected.
#[tokio::test]
async fn reqwest_alone_carries_headers_to_another_origin() {
    let other = Server::answers(OK).await;
    let server =
        Server::answers(&format!("HTTP/1.1 302 Found\nLocation: {}\nContent-Length: 0\n\n", other.url)).await;
    context().scope(send(&mut client(reqwest::Client::builder()), get(&server.url))).await.unwrap();
    assert_eq!(sent(&other.heads()[0], "x-request-id"), Some("order-42"));
}

/// [S41] under `same_origin` nothing of a request gets to another origin.
#[tokio::test]
async fn a_redirect_to_another_origin_is_refused() {
    let other = Server::answers(OK).await;
    let server =
        Server::answers(&format!("HTTP/1.1 302 Found\nLocation: {}\nContent-Length: 0\n\n", other.url)).await;
    let mut client = client(reqwest::Client::builder().redirect(same_origin()));
    let error = context().scope(send(&mut client, get(&server.url))).await.unwrap_err();
    assert_eq!((error.kind(), error.class().retry), (Kind::FailedPrecondition, Retry::Never));
    assert_eq!(error.find::<CrossOriginRedirect>().unwrap().to(), other.url);
    assert!(other.heads().is_empty());
}

#[tokio::test]
async fn a_redirect_inside_the_origin_is_followed_ten_times() {
    let server = Server::answers("HTTP/1.1 302 Found\nLocation: /\nContent-Length: 0\n\n").await;
    let mut client = client(reqwest::Client::builder().redirect(same_origin()));
    let error = send(&mut client, get(&server.url)).await.unwrap_err();
    assert_eq!((error.kind(), error.class().retry), (Kind::FailedPrecondition, Retry::Never));
    assert_eq!(server.heads().len(), 11);
}
