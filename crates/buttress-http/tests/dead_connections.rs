//! What a client's pool makes of connections that have died in silence, as behind a NAT or a load balancer that forgot them:
//! the settings on the front page, without and with.
#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use buttress_context::Report;
use buttress_error::{Error, Kind};
use buttress_http::HttpLayer;
use buttress_retry::{Policy, RetryLayer};
use buttress_timeout::AttemptTimeoutLayer;
use common::get;
use http::Response;
use reqwest::ClientBuilder;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Barrier;
use tokio::time::sleep;
use tower::{ServiceBuilder, ServiceExt};

const MS: Duration = Duration::from_millis(1);

/// Connections that were made before its death are dead: nothing is read or answered, and nothing closed.
#[derive(Default)]
struct Network {
    has_died: AtomicBool,
    connections: AtomicUsize,
}

async fn start<F>(serve: impl Fn(TcpStream, Arc<Network>) -> F + Send + 'static) -> (String, Arc<Network>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let network = Arc::<Network>::default();
    let shared = Arc::clone(&network);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            shared.connections.fetch_add(1, SeqCst);
            tokio::spawn(serve(stream, Arc::clone(&shared)));
        }
    });
    (url, network)
}

/// A GET with three attempts of 300 ms, and how many were made.
async fn call(client: &reqwest::Client, url: &str) -> (Result<(), Error>, u32) {
    let policy = Policy::fixed(MS).max_attempts(3).no_budget().build().unwrap();
    let stack = ServiceBuilder::new()
        .layer(RetryLayer::new(policy))
        .layer(AttemptTimeoutLayer::new(300 * MS))
        .layer(HttpLayer::new("orders"))
        .service(client.clone());
    let (outcome, report) = Report::of(stack.oneshot(get(url))).await;
    (outcome.map(drop), report.attempts.max(1))
}

/// Three idle connections that die: what the next call makes of them.
async fn after_death_over_http1(builder: ClientBuilder) -> (Result<(), Error>, u32) {
    // All three are in use at once, so that each is a connection of its own.
    let three = Arc::new(Barrier::new(3));
    let (url, network) = start(move |mut stream, network| {
        let three = Arc::clone(&three);
        async move {
            let is_old = !network.has_died.load(SeqCst);
            while stream.read(&mut [0; 4096]).await.is_ok_and(|read| read > 0) {
                if is_old && network.has_died.load(SeqCst) {
                    continue;
                }
                if is_old {
                    three.wait().await;
                }
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
            }
        }
    })
    .await;
    let client = builder.no_proxy().build().unwrap();
    let warm = || {
        let request = client.get(&url);
        async move { request.send().await.unwrap().bytes().await.unwrap() }
    };
    tokio::join!(warm(), warm(), warm());
    assert_eq!(network.connections.load(SeqCst), 3);
    network.has_died.store(true, SeqCst);
    // Longer than the setting below.
    sleep(150 * MS).await;
    call(&client, &url).await
}

/// Three attempts on three dead connections; with a short `pool_idle_timeout` none is taken.
#[tokio::test]
async fn idle_connections_that_died_cost_attempts() {
    let (outcome, attempts) = after_death_over_http1(reqwest::Client::builder()).await;
    assert_eq!((outcome.unwrap_err().kind(), attempts), (Kind::Timeout, 3));
    let healed = reqwest::Client::builder().pool_idle_timeout(100 * MS);
    let (outcome, attempts) = after_death_over_http1(healed).await;
    assert_eq!((outcome.map_err(|error| error.kind()), attempts), (Ok(()), 1));
}

/// A connection of HTTP/2 that dies: what the next call makes of it, and how many connections were made in all.
async fn after_death_over_http2(builder: ClientBuilder) -> (Result<(), Error>, usize) {
    let (url, network) = start(|stream, network| async move {
        let mut connection = h2::server::handshake(stream).await.unwrap();
        let is_old = !network.has_died.load(SeqCst);
        while let Some(Ok((_, mut answer))) = connection.accept().await {
            if is_old && network.has_died.load(SeqCst) {
                break;
            }
            answer.send_response(Response::new(()), true).unwrap();
        }
        // Pings are not answered either.
        std::future::pending::<()>().await;
        drop(connection);
    })
    .await;
    let client = builder.http2_prior_knowledge().no_proxy().build().unwrap();
    client.get(&url).send().await.unwrap();
    network.has_died.store(true, SeqCst);
    let (mut outcome, _) = call(&client, &url).await;
    if outcome.is_err() {
        (outcome, _) = call(&client, &url).await;
    }
    (outcome, network.connections.load(SeqCst))
}

/// A dead connection of HTTP/2 is used by all attempts of all calls; with pings it is noticed, and replaced.
#[tokio::test]
async fn a_dead_http2_connection_costs_every_attempt() {
    let (outcome, connections) = after_death_over_http2(reqwest::Client::builder()).await;
    assert_eq!((outcome.unwrap_err().kind(), connections), (Kind::Timeout, 1));
    let healed = reqwest::Client::builder()
        .http2_keep_alive_interval(50 * MS)
        .http2_keep_alive_timeout(50 * MS)
        .http2_keep_alive_while_idle(true);
    let (outcome, connections) = after_death_over_http2(healed).await;
    assert_eq!((outcome.map_err(|error| error.kind()), connections), (Ok(()), 2));
}
