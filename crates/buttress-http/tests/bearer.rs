//! Tokens and keys that are put on requests.
#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use buttress_error::{BoxError, Kind};
use buttress_http::{Bearer, BearerLayer, Body, HttpLayer, IdempotencyKeyLayer};
use buttress_retry::{Policy, RetryLayer};
use buttress_test::conform;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Method, Request, Response};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};

const API: &str = "https://api.example.com";

type Seen = Arc<Mutex<Vec<Option<HeaderValue>>>>;

/// Answers well, and remembers this header.
fn server(
    name: &'static str,
) -> (impl Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send> + Clone, Seen)
{
    let seen = Seen::default();
    let kept = Arc::clone(&seen);
    let server = service_fn(move |request: Request<Body>| {
        kept.lock().unwrap().push(request.headers().get(name).cloned());
        async { Ok(Response::new(Body::empty())) }
    });
    (server, seen)
}

fn request(method: Method, url: &str) -> Request<Body> {
    Request::builder().method(method).uri(url).body(Body::empty()).unwrap()
}

/// The token that is put on a request.
async fn put_on(token: &Bearer, request: Request<Body>) -> Option<HeaderValue> {
    let (server, seen) = server("authorization");
    BearerLayer::new(token, API).unwrap().layer(server).oneshot(request).await.unwrap();
    seen.lock().unwrap().pop().unwrap()
}

#[tokio::test]
async fn the_token_of_the_moment() {
    let token = Bearer::new();
    let get = || request(Method::GET, "https://api.example.com/orders");
    assert_eq!(put_on(&token, get()).await, None);
    token.set("one").unwrap();
    assert_eq!(put_on(&token, get()).await.unwrap(), "Bearer one");
    token.clone().set("two").unwrap();
    assert_eq!(put_on(&token, get()).await.unwrap(), "Bearer two");
    token.clear();
    assert_eq!(put_on(&token, get()).await, None);

    token.set("three").unwrap();
    let mut own = get();
    own.headers_mut().insert(AUTHORIZATION, HeaderValue::from_static("Basic b3du"));
    assert_eq!(put_on(&token, own).await.unwrap(), "Basic b3du", "the caller's own stays");
}

/// [S38] the token never gets to an origin that it isn't for, and is never shown.
#[tokio::test]
async fn the_token_is_secret() {
    let token = Bearer::new();
    token.set("hunter2").unwrap();
    for url in ["http://api.example.com/", "https://api.example.com:8443/", "https://evil.test/", "/relative"]
    {
        assert_eq!(put_on(&token, request(Method::GET, url)).await, None, "{url}");
    }
    let value = put_on(&token, request(Method::GET, API)).await.unwrap();
    assert!(value.is_sensitive());
    let layer = BearerLayer::new(&token, API).unwrap();
    let mut asked = request(Method::GET, API);
    asked.headers_mut().insert(AUTHORIZATION, value);
    let shown = format!("{token:?} {layer:?} {:?} {asked:?}", layer.layer(()));
    assert!(!shown.contains("hunter2"), "{shown}");
}

/// [S8] a token that can't be sent is refused where it is set, without a word of it; the old one stays.
#[tokio::test]
async fn bad_tokens() {
    let token = Bearer::new();
    token.set("good").unwrap();
    for bad in ["", " ", "two words", "hunter2\n", "hunter2\r\nx-admin: 1", "hünter2", "\u{7f}"] {
        let error = token.set(bad).unwrap_err();
        assert_eq!(error.kind(), Kind::InvalidArgument);
        assert!(!format!("{error:?}").contains("nter2"));
    }
    assert_eq!(put_on(&token, request(Method::GET, API)).await.unwrap(), "Bearer good");
}

/// [S8] so is an origin.
#[test]
fn bad_origins() {
    let error = BearerLayer::new(&Bearer::new(), "api.example.com").unwrap_err();
    assert!(error.to_string().starts_with("origin:"), "{error}");
    let two = BearerLayer::new(&Bearer::new(), API).unwrap().origin("http://127.0.0.1:8080");
    assert!(two.is_ok());
}

/// [S17] each attempt takes the current token, so a repeated request carries the refreshed one.
#[tokio::test(start_paused = true)]
async fn a_repeated_request_carries_the_new_token() {
    let token = Bearer::new();
    token.set("old").unwrap();
    let seen = Mutex::new(Vec::new());
    let server = service_fn(|request: Request<Body>| {
        let sent = request.headers()[AUTHORIZATION].clone();
        token.set("new").unwrap();
        seen.lock().unwrap().push(sent.clone());
        async move {
            let status = if sent == "Bearer new" { 200 } else { 503 };
            Ok::<_, Infallible>(Response::builder().status(status).body(Body::empty()).unwrap())
        }
    });
    let client = ServiceBuilder::new()
        .layer(RetryLayer::new(Policy::default()))
        .layer(BearerLayer::new(&token, API).unwrap())
        .layer(HttpLayer::new("orders"))
        .service(server);
    assert_eq!(client.oneshot(request(Method::GET, API)).await.unwrap().status(), 200);
    assert_eq!(*seen.lock().unwrap(), ["Bearer old", "Bearer new"]);
}

/// [S12] a key for what isn't idempotent by itself, a new one for each call; the caller's own stays.
#[tokio::test]
async fn idempotency_keys() {
    let (server, seen) = server("idempotency-key");
    let client = IdempotencyKeyLayer::new().layer(server);
    for method in [Method::POST, Method::PATCH, Method::POST, Method::GET, Method::PUT, Method::DELETE] {
        client.clone().oneshot(request(method, API)).await.unwrap();
    }
    let mut own = request(Method::POST, API);
    own.headers_mut().insert("idempotency-key", HeaderValue::from_static("order-17"));
    client.oneshot(own).await.unwrap();

    let seen = seen.lock().unwrap();
    let keys: Vec<_> = seen[..3].iter().map(|key| key.as_ref().unwrap().to_str().unwrap()).collect();
    assert!(keys.iter().all(|key| key.len() == 36), "{keys:?}");
    assert!(keys[0] != keys[1] && keys[1] != keys[2] && keys[0] != keys[2]);
    assert_eq!(seen[3..6], [None, None, None]);
    assert_eq!(seen[6].as_ref().unwrap(), "order-17");
}

/// [S12] above the retry one key is kept over all attempts, and makes a POST one that may be repeated.
#[tokio::test(start_paused = true)]
async fn one_key_for_all_attempts() {
    let seen = Mutex::new(Vec::new());
    let server = service_fn(|request: Request<Body>| {
        seen.lock().unwrap().push(request.headers()["idempotency-key"].clone());
        async { Response::builder().status(503).body(Body::empty()).map_err(BoxError::from) }
    });
    let client = ServiceBuilder::new()
        .layer(IdempotencyKeyLayer::new())
        .layer(RetryLayer::new(Policy::default()))
        .layer(HttpLayer::new("orders"))
        .service(server);
    client.oneshot(request(Method::POST, API)).await.unwrap_err();
    let seen = seen.lock().unwrap();
    assert!(seen.len() == 4 && seen.iter().all(|key| *key == seen[0]), "{seen:?}");
}

/// [S1] [S2] [S3] both add nothing but a header.
#[tokio::test(start_paused = true)]
async fn conforms() {
    let layers = (IdempotencyKeyLayer::new(), BearerLayer::new(&Bearer::new(), API).unwrap());
    conform(|inner| {
        let inner = inner.map_request(|request: Request<u32>| *request.body());
        layers.0.layer(layers.1.layer(inner)).map_request(Request::new)
    })
    .run()
    .await;
}
