//! gRPC's `Status`, from a server and from tonic itself.
#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

use std::time::Duration;

use buttress_error::{BoxError, BreakerEffect, Class, Classified, Classify, Delivery, Kind, RetryAdvice};
use bytes::Bytes;
use http::Request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
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
        assert_eq!(
            pushed_back(Code::Unavailable, never),
            Class::new(Kind::Unavailable).retry(RetryAdvice::Never)
        );
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
    let exhausted = Class::new(Kind::ResourceExhausted).breaker_effect(BreakerEffect::Throttle);
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
async fn a_failed_connect_was_not_processed() {
    let endpoint = endpoint(&TcpListener::bind("127.0.0.1:0").await.unwrap());
    let status = call(endpoint).await;
    assert_eq!(status.class(), Class::new(Kind::Unavailable).delivery(Delivery::NotProcessed), "{status:?}");
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
async fn a_refused_stream_was_not_processed() {
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
    assert_eq!(status.class(), Class::new(Kind::Unavailable).delivery(Delivery::NotProcessed), "{status:?}");
}

/// What tonic makes of a server that does this with each connection.
async fn against<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> Status
where
    F: Future<Output = ()> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = endpoint(&listener);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            serve(stream).await;
        }
    });
    call(endpoint).await
}

/// [S12] The connection was established and lost, so the request may have arrived.
#[tokio::test]
async fn line_4_a_lost_connection_is_unavailable() {
    const PREFACE: usize = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len();
    let after_preface = |reset: bool| {
        against(move |mut stream| async move {
            stream.read_exact(&mut [0; PREFACE]).await.unwrap();
            if reset {
                stream.set_zero_linger().unwrap();
            }
        })
    };
    let after_request = against(|mut stream| async move {
        stream.read_exact(&mut [0; PREFACE]).await.unwrap();
        stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap();
        // Up to the frame with the head of the request.
        let mut head = [0; 9];
        while head[3] != 1 {
            stream.read_exact(&mut head).await.unwrap();
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            stream.read_exact(&mut vec![0; length as usize]).await.unwrap();
        }
    });
    let statuses = [after_preface(true).await, after_preface(false).await, after_request.await];
    assert_eq!(statuses[2].class().delivery, Delivery::Unknown, "the request was there");
    for status in statuses {
        let class = status.class();
        assert_eq!(class.kind, Kind::Unavailable, "{status:?}");
        assert!(matches!(class.delivery, Delivery::Unknown | Delivery::NotProcessed), "{status:?}");
        assert_eq!(BoxError::from(status).classified(), class);
    }
}

/// [S12] A frame that ends a connection tells whether the stream was processed.
#[tokio::test]
async fn line_4_the_end_of_a_stream_is_read_from_the_source() {
    for (reason, kind) in [
        (h2::Reason::REFUSED_STREAM, (Kind::Unavailable, Delivery::NotProcessed)),
        (h2::Reason::CANCEL, (Kind::Unavailable, Delivery::Unknown)),
        (h2::Reason::INTERNAL_ERROR, (Kind::Unavailable, Delivery::Unknown)),
        (h2::Reason::NO_ERROR, (Kind::Unavailable, Delivery::Unknown)),
        (h2::Reason::ENHANCE_YOUR_CALM, (Kind::Unavailable, Delivery::Unknown)),
    ] {
        let status = against(move |stream| async move {
            let mut connection = h2::server::handshake(stream).await.unwrap();
            while let Some(Ok((_, mut reply))) = connection.accept().await {
                reply.send_reset(reason);
            }
        });
        let status = status.await;
        assert_eq!((status.class().kind, status.class().delivery), kind, "{reason:?}: {status:?}");
    }
    let no_http2 = against(|mut stream| async move {
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        while stream.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0) {}
    });
    assert_eq!(no_http2.await.class().kind, Kind::BadResponse);
}

/// A status that tonic created from an error of this host, or from an `Error`, has the class of that error.
#[test]
fn line_4_a_status_of_an_unknown_error_is_classified_by_its_source() {
    let made = |error: BoxError| Status::from_error(error).class();
    let reset = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    assert_eq!(made(reset.into()), Class::new(Kind::Unavailable));
    let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
    assert_eq!(made(refused.into()), Class::new(Kind::Unavailable).delivery(Delivery::NotProcessed));
    let ours = buttress_error::Error::new(Kind::Throttled, "slow down");
    assert_eq!(made(ours.into()).kind, Kind::Throttled);
    assert_eq!(made("strange".into()), Class::new(Kind::Unknown));
    #[cfg(target_os = "linux")]
    {
        let exhausted = tonic::ConnectError(std::io::Error::from_raw_os_error(24).into());
        assert_eq!(made(exhausted.into()), buttress_error::Transport::HostExhausted.class());
    }
    let untrusted = std::io::Error::new(std::io::ErrorKind::InvalidData, "unknown issuer");
    assert_eq!(made(tonic::ConnectError(untrusted.into()).into()).kind, Kind::FailedPrecondition);
}

/// A server's own status keeps its code, whatever its source says.
#[test]
fn a_source_that_is_not_of_the_transport_changes_nothing() {
    let mut status = Status::not_found("row");
    status.set_source(std::sync::Arc::new(std::io::Error::from(std::io::ErrorKind::TimedOut)));
    assert_eq!(status.class(), Class::new(Kind::NotFound));
    let unknown = Status::from_error(Box::new(std::io::Error::from(std::io::ErrorKind::TimedOut)));
    assert_eq!((unknown.code(), unknown.class().kind), (Code::Unknown, Kind::Timeout));
    assert_eq!(BoxError::from(unknown).classified().kind, Kind::Timeout, "it has no class itself");
}
