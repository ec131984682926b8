//! gRPC's `Status`, from a server and from tonic itself.
#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

use std::time::Duration;

use buttress_error::{BoxError, Breaker, Class, Classified, Classify, Delivery, Kind, Retry};
use bytes::Bytes;
use http::Request;
use tokio::net::TcpListener;
use tonic::metadata::MetadataMap;
use tonic::transport::Endpoint;
use tonic::{Code, Status};
use tower::{Service, ServiceExt};

#[test]
fn the_code_is_the_number_of_the_kind() {
    for code in 1..=16 {
        let status = Status::new(Code::from(code), "no");
        assert_eq!(status.class().kind.number(), u8::try_from(code).unwrap());
        assert!(status.class() == Class::new(status.class().kind) || code == 8, "{code}");
        assert_eq!(BoxError::from(status).classified(), Class::of_grpc(u8::try_from(code).unwrap()));
    }
    for none in [0, 17, 32, 255] {
        assert_eq!(Class::of_grpc(none), Class::new(Kind::Unknown), "{none}");
    }
}

fn pushed_back(code: Code, millis: &str) -> Class {
    let mut metadata = MetadataMap::new();
    metadata.insert("grpc-retry-pushback-ms", millis.parse().unwrap());
    Status::with_metadata(code, "later", metadata).class()
}

#[test]
fn push_back_is_an_exact_delay_or_forbids() {
    let second = Duration::from_secs(1);
    assert_eq!(pushed_back(Code::Unavailable, "1000"), Class::new(Kind::Unavailable).retry_after(second));
    assert_eq!(pushed_back(Code::ResourceExhausted, "1000"), Class::new(Kind::Throttled).retry_after(second));
    for never in ["-1", "soon", ""] {
        assert_eq!(pushed_back(Code::Unavailable, never), Class::new(Kind::Unavailable).retry(Retry::Never));
    }
}

/// A quota is used up; one that says when it is there again only asks to slow down.
#[test]
fn retry_info_makes_a_throttle_of_a_quota() {
    let url = b"type.googleapis.com/google.rpc.RetryInfo";
    // Any { type_url = 1, value = 2 } with RetryInfo { retry_delay = 1 { seconds = 1 } }.
    let any = [&[0x0a, 40][..], url, &[0x12, 4, 0x0a, 2, 0x08, 5]].concat();
    let details = [&[0x1a, u8::try_from(any.len()).unwrap()][..], &any].concat();
    let status = Status::with_details(Code::ResourceExhausted, "quota", Bytes::from(details));
    assert_eq!(status.class(), Class::new(Kind::Throttled).retry_after(Duration::from_secs(5)));
    let exhausted = Class::new(Kind::ResourceExhausted).breaker_effect(Breaker::Throttle);
    assert_eq!(Status::resource_exhausted("quota").class(), exhausted);
}

async fn call(endpoint: Endpoint) -> Status {
    let mut channel = endpoint.connect_lazy();
    let request = Request::post("/a/b").body(tonic::body::Body::empty()).unwrap();
    let error = channel.ready().await.unwrap().call(request).await.unwrap_err();
    Status::from_error(error.into())
}

fn endpoint(listener: &TcpListener) -> Endpoint {
    Endpoint::from_shared(format!("http://{}", listener.local_addr().unwrap())).unwrap()
}

#[tokio::test]
async fn a_failed_connect_was_not_sent() {
    let endpoint = endpoint(&TcpListener::bind("127.0.0.1:0").await.unwrap());
    let status = call(endpoint).await;
    assert_eq!(status.class(), Class::new(Kind::Unavailable).delivery(Delivery::NotSent), "{status:?}");
}

/// tonic calls it cancelled, as if the caller had gone away.
#[tokio::test]
async fn its_own_timeout_is_a_timeout() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let status = call(endpoint(&silent).timeout(Duration::from_millis(50))).await;
    assert_eq!(status.code(), Code::Cancelled);
    assert_eq!(status.class(), Class::new(Kind::Timeout));
}

/// [S12] REFUSED_STREAM, through the chain of tonic, hyper and h2.
#[tokio::test]
async fn a_refused_stream_was_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = endpoint(&listener);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut connection = h2::server::handshake(stream).await.unwrap();
            while let Some(Ok((_, mut reply))) = connection.accept().await {
                reply.send_reset(h2::Reason::REFUSED_STREAM);
            }
        }
    });
    let status = call(endpoint).await;
    assert_eq!(status.class(), Class::new(Kind::Unavailable).delivery(Delivery::NotSent), "{status:?}");
}

/// A server's own status keeps its code, whatever its source says.
#[test]
fn a_source_that_is_not_of_the_transport_changes_nothing() {
    let mut status = Status::not_found("row");
    status.set_source(std::sync::Arc::new(std::io::Error::from(std::io::ErrorKind::TimedOut)));
    assert_eq!(status.class(), Class::new(Kind::NotFound));
    let unknown = Status::from_error(Box::new(std::io::Error::from(std::io::ErrorKind::TimedOut)));
    assert_eq!(unknown.code(), Code::Unknown);
    assert_eq!(BoxError::from(unknown).classified().kind, Kind::Timeout, "it says nothing itself");
}
