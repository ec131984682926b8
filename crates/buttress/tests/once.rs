//! A client is made once: what it keeps is for all calls, and goes with it.
#![allow(clippy::unwrap_used)] // helpers of tests are tests

use std::io;
use std::net::TcpListener;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use buttress::{Body, Client, ClientLayer, Kind, Rejection};
use buttress_test::retained_bytes;
use http::{Request, Response};
use tower::{Layer, Service, service_fn};

async fn answer(_: Request<Body>) -> io::Result<Response<Body>> {
    Ok(Response::new(Body::empty()))
}

/// One call, by hand: no runtime, whose own memory would be counted too.
fn call_once<F: Future>(call: F) {
    assert!(matches!(pin!(call).poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(_)));
}

/// a client leaks nothing, whatever its settings, used or not.
#[test]
fn a_thousand_clients_leak_nothing() {
    let make = || {
        call_once(async {
            let request = Request::get("http://payments.internal/").body(Body::empty()).unwrap();
            Client::new("payments", service_fn(answer)).send(request).await.unwrap();
        });
        let settings = buttress::client("orders").deadline(Duration::from_secs(5)).idempotency_keys();
        let client = settings.send_deadline_to("http://a.example").service(service_fn(answer)).unwrap();
        let _ = (client.explain().to_string(), client.clone(), client.breaker().stats());
        let mut stack =
            ClientLayer::new("query").layer(service_fn(|n: u32| async move { Ok::<_, Rejection>(n) }));
        assert!(stack.poll_ready(&mut Context::from_waker(Waker::noop())).is_ready());
        call_once(stack.call(7));
    };
    make(); // what is made once for the whole program
    assert_eq!(retained_bytes(|| (0..1_000).for_each(|_| make())), 0);
}

/// The pattern of the front page: the client is made once.
struct Payments {
    client: Client<reqwest::Client, reqwest::Request>,
    url: String,
}

impl Payments {
    async fn order(&self, id: u32) -> Result<String, buttress::Error> {
        let reply =
            self.client.send(Request::get(format!("{}/orders/{id}", self.url)).body(()).unwrap()).await?;
        reply.text().await.map_err(buttress::http::translate)
    }
}

/// 30 calls to a dead port open the circuit, as the client is the same for all.
#[tokio::test]
async fn thirty_calls_to_a_dead_port_open_the_circuit() {
    let dead = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let payments = Payments { client: Client::new("payments", http), url: format!("http://{dead}") };
    let mut kinds = Vec::new();
    for id in 0..30 {
        kinds.push(payments.order(id).await.unwrap_err().kind());
    }
    assert_eq!(kinds[0], Kind::Unavailable);
    assert_eq!(kinds[29], Kind::Rejected, "{kinds:?}");
    let stats = payments.client.breaker().stats();
    assert!(payments.client.breaker().state().is_open() && stats.admitted < 10, "{stats:?}");
}
