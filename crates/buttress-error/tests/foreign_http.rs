//! The errors of hyper, hyper-util, h2 and reqwest, made by servers that do everything wrong.
#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

use std::net::SocketAddr;
use std::time::Duration;

use buttress_error::{
    BoxError, Class, Classified, Classify, Delivery, Error, Kind, RetryAdvice, Transport, Verdict, classify,
};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty, StreamBody};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const UNSENT: (Kind, Delivery) = (Kind::Unavailable, Delivery::NotProcessed);
const BROKEN: (Kind, Delivery) = (Kind::Unavailable, Delivery::Unknown);
const GARBLED: (Kind, Delivery) = (Kind::BadResponse, Delivery::Processed);

/// Kind and delivery, by value and in a box.
fn what<E: Classify + Into<BoxError>>(error: E) -> (Kind, Delivery) {
    let class = error.class();
    let text = format!("{class:?}");
    assert_eq!(error.into().classified(), class, "{text}");
    (class.kind, class.delivery)
}

/// A server that reads the head of a request, gives this answer and closes.
async fn answers(bytes: impl Into<Vec<u8>>) -> SocketAddr {
    let (listener, bytes) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), bytes.into());
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let bytes = bytes.clone();
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await?);
                }
                stream.write_all(&bytes).await
            });
        }
    });
    addr
}

/// An address without a listener.
async fn unused_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

fn get(addr: SocketAddr) -> Request<Empty<Bytes>> {
    Request::get(format!("http://{addr}/")).body(Empty::new()).unwrap()
}

mod hyper_util_client {
    use super::*;

    async fn fails(addr: SocketAddr) -> (Kind, Delivery) {
        let client = Client::builder(TokioExecutor::new()).build_http();
        what(client.request(get(addr)).await.unwrap_err())
    }

    #[tokio::test]
    async fn nobody_listens() {
        assert_eq!(fails(unused_address().await).await, UNSENT);
    }

    #[tokio::test]
    async fn the_connection_ends_before_the_head() {
        for bytes in ["", "HTTP/1.1 200 OK\r\nContent-Le"] {
            assert_eq!(fails(answers(bytes).await).await, BROKEN, "{bytes}");
        }
    }

    #[tokio::test]
    async fn the_answer_is_no_http() {
        assert_eq!(fails(answers("\x16\x03\x01 no http\r\n\r\n").await).await, GARBLED);
    }

    /// hyper-util refuses it without a cause.
    #[tokio::test]
    async fn a_request_that_it_cannot_send() {
        let client = Client::builder(TokioExecutor::new()).build_http();
        let request = Request::get("/no/host").body(Empty::<Bytes>::new()).unwrap();
        let error = client.request(request).await.unwrap_err();
        assert_eq!(what(error), (Kind::InvalidArgument, Delivery::NotProcessed));
    }

    /// rustls says of an untrusted certificate that the data is invalid.
    #[tokio::test]
    async fn a_handshake_that_fails() {
        let connector = tower::service_fn(|_: http::Uri| {
            let error = std::io::Error::new(std::io::ErrorKind::InvalidData, "unknown issuer");
            std::future::ready(Err::<TokioIo<TcpStream>, _>(error))
        });
        let client = Client::builder(TokioExecutor::new()).build(connector);
        let error = client.request(get(unused_address().await)).await.unwrap_err();
        assert_eq!(error.class(), Transport::Untrusted.class());
        assert!(!error.class().is_retryable(true));
    }
}

/// This host has no resources left for a connection.
mod exhausted_host {
    use super::*;
    use std::io;

    const LOCAL: (Kind, Delivery) = (Kind::ResourceExhausted, Delivery::NotProcessed);

    /// EMFILE, ENFILE and ENOBUFS.
    #[cfg(target_os = "linux")]
    const NUMBERS: [i32; 3] = [24, 23, 105];

    fn neutral(class: Class) -> bool {
        Verdict::of(class).is_neutral() && class.retry == RetryAdvice::Never
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn line_10_an_error_of_the_system_by_its_number() {
        for number in NUMBERS {
            let class = io::Error::from_raw_os_error(number).class();
            assert!(neutral(class), "{number}");
            assert_eq!(what(io::Error::from_raw_os_error(number)), LOCAL, "{number}");
        }
        // EADDRNOTAVAIL, to bind or to connect: this host has said so itself.
        let class = io::Error::from_raw_os_error(99).class();
        assert_eq!(class, Class::new(Kind::FailedPrecondition).delivery(Delivery::NotProcessed));
        assert_eq!(io::Error::from_raw_os_error(111).class().kind, Kind::Unavailable);
    }

    /// A connector that fails like this.
    async fn connecting(error: fn() -> io::Error) -> Class {
        let connector = tower::service_fn(move |_: http::Uri| {
            std::future::ready(Err::<TokioIo<TcpStream>, _>(io::Error::other(error())))
        });
        let client = Client::builder(TokioExecutor::new()).build(connector);
        client.request(get(unused_address().await)).await.unwrap_err().class()
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn line_10_a_client_that_cannot_connect() {
        for class in [
            connecting(|| io::Error::from_raw_os_error(24)).await,
            connecting(|| io::Error::from_raw_os_error(23)).await,
            connecting(|| io::Error::from_raw_os_error(105)).await,
            connecting(|| io::ErrorKind::AddrNotAvailable.into()).await,
            connecting(|| io::ErrorKind::OutOfMemory.into()).await,
        ] {
            assert_eq!((class.kind, class.delivery), LOCAL);
            assert!(neutral(class));
        }
        assert_eq!(connecting(|| io::ErrorKind::PermissionDenied.into()).await, Transport::Connect.class());
    }

    /// A local address that this host does not have, by the system itself.
    #[tokio::test]
    async fn line_10_no_local_address() {
        let client = reqwest::Client::builder().local_address(std::net::IpAddr::from([192, 0, 2, 1]));
        let url = format!("http://{}/", unused_address().await);
        let error = client.no_proxy().build().unwrap().get(url).send().await.unwrap_err();
        assert!(error.is_connect(), "{error:?}");
        assert!(neutral(error.class()));
        assert_eq!(what(error), LOCAL);
    }
}

/// The answers of a proxy to CONNECT.
mod proxies {
    use super::*;
    use hyper_util::client::legacy::connect::HttpConnector;
    use hyper_util::client::legacy::connect::proxy::Tunnel;

    async fn refuses(answer: &str) -> Class {
        let addr = answers(answer).await;
        let proxy = format!("http://{addr}").parse().unwrap();
        let tunnel = Tunnel::new(proxy, HttpConnector::new());
        let client = Client::builder(TokioExecutor::new()).build(tunnel);
        let request = Request::get("https://origin.test/").body(Empty::<Bytes>::new()).unwrap();
        client.request(request).await.unwrap_err().class()
    }

    #[tokio::test]
    async fn line_15_a_proxy_that_refuses_is_not_the_origin() {
        let told = "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n";
        for (answer, transport) in [
            (told, Transport::ProxyUnauthenticated),
            ("HTTP/1.1 403 Forbidden\r\n\r\n", Transport::ProxyRefused),
            ("HTTP/1.1 405 Method Not Allowed\r\n\r\n", Transport::ProxyRefused),
        ] {
            let class = refuses(answer).await;
            assert_eq!(class, transport.class(), "{answer}");
            assert_eq!(
                (class.retry, class.delivery),
                (RetryAdvice::Never, Delivery::NotProcessed),
                "{answer}"
            );
            assert!(Verdict::of(class).is_neutral(), "{answer}");
        }
        assert_eq!(Transport::ProxyUnauthenticated.class().kind, Kind::Unauthenticated);
        assert_eq!(Transport::ProxyRefused.class().kind, Kind::PermissionDenied);
        // A caller that leaves is not a failure.
        assert_eq!(refuses("").await, Transport::Connect.class());
    }
}

mod hyper_connection {
    use super::*;

    type Sender<B> = hyper::client::conn::http1::SendRequest<B>;

    async fn connect<B>(addr: SocketAddr) -> Sender<B>
    where
        B: hyper::body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let stream = TcpStream::connect(addr).await.unwrap();
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        sender
    }

    #[tokio::test]
    async fn the_connection_ends_before_the_head() {
        let error =
            connect(answers("").await).await.send_request(get(unused_address().await)).await.unwrap_err();
        assert!(error.is_incomplete_message(), "{error:?}");
        assert_eq!(what(error), BROKEN);
    }

    #[tokio::test]
    async fn the_answer_is_no_http() {
        let addr = answers("nonsense\r\n\r\n").await;
        let error = connect(addr).await.send_request(get(addr)).await.unwrap_err();
        assert!(error.is_parse(), "{error:?}");
        assert_eq!(what(error), GARBLED);
    }

    #[tokio::test]
    async fn the_body_of_the_answer_breaks_off() {
        let addr = answers("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello").await;
        let answer = connect(addr).await.send_request(get(addr)).await.unwrap();
        assert_eq!(what(answer.into_body().collect().await.unwrap_err()), BROKEN);
    }

    #[tokio::test]
    async fn the_body_of_the_request_fails() {
        let addr = answers("").await;
        let frames = futures_util::stream::iter([Err::<hyper::body::Frame<Bytes>, _>("out of paper")]);
        let request = Request::post("/").header("content-length", 5).body(StreamBody::new(frames)).unwrap();
        let error = connect(addr).await.send_request(request).await.unwrap_err();
        assert!(error.is_user(), "{error:?}");
        assert_eq!(what(error), (Kind::InvalidArgument, Delivery::Unknown));
    }

    /// The task of the connection is gone, with the runtime that it was spawned in: hyper takes that for the user's doing,
    /// and it is unknown whether the request was processed.
    #[tokio::test]
    async fn the_task_of_the_connection_is_gone() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let stream = TcpStream::connect(addr).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        let task = tokio::spawn(connection);
        let call = tokio::spawn(sender.send_request(get(addr)));
        let (mut server, _) = listener.accept().await.unwrap();
        server.read_u8().await.unwrap();
        task.abort();
        let error = call.await.unwrap().unwrap_err();
        assert!(error.is_user(), "{error:?}");
        assert_eq!(what(error), BROKEN);
    }

    /// The connection closed while the request waited for it.
    #[tokio::test]
    async fn a_request_that_was_never_written() {
        let addr = answers("").await;
        let mut sender = connect(addr).await;
        sender.send_request(get(addr)).await.unwrap_err();
        let error = sender.send_request(get(addr)).await.unwrap_err();
        assert!(error.is_canceled(), "{error:?}");
        assert_eq!(what(error), UNSENT);
    }
}

mod h2_streams {
    use super::*;
    use h2::Reason;

    /// A server that ends every stream, or the connection, for this reason.
    async fn ends(reason: Reason, whole: bool) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, reason, whole));
            }
        });
        addr
    }

    async fn serve(stream: TcpStream, reason: Reason, whole: bool) {
        let mut connection = h2::server::handshake(stream).await.unwrap();
        while let Some(Ok((_request, mut reply))) = connection.accept().await {
            if whole {
                connection.abrupt_shutdown(reason);
            } else {
                reply.send_reset(reason);
            }
        }
    }

    async fn error(addr: SocketAddr) -> h2::Error {
        let stream = TcpStream::connect(addr).await.unwrap();
        let (sender, connection) = h2::client::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        let mut sender = sender.ready().await.unwrap();
        let request = Request::get(format!("http://{addr}/")).body(()).unwrap();
        let (reply, _) = sender.send_request(request, true).unwrap();
        reply.await.unwrap_err()
    }

    /// [S12] a stream that the server refused was not processed.
    #[tokio::test]
    async fn refused() {
        let refused = error(ends(Reason::REFUSED_STREAM, false).await).await;
        assert_eq!(what(refused), UNSENT);
        assert_eq!(what(h2::Error::from(Reason::REFUSED_STREAM)), BROKEN, "we said so ourselves");
    }

    /// What a client makes of a connection that is closed like this, with a stream of this number as the last one that the
    /// server may have processed.
    async fn goes_away(last: u32, reason: Reason) -> (Kind, Delivery) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            // The preface, and the client's first frames.
            stream.read_exact(&mut [0; 24]).await.unwrap();
            let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
            stream.write_all(&settings).await.unwrap();
            loop {
                let mut head = [0; 9];
                stream.read_exact(&mut head).await.unwrap();
                let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
                stream.read_exact(&mut vec![0; length as usize]).await.unwrap();
                if head[3] == 1 {
                    break;
                }
            }
            let goaway = [0, 0, 8, 7, 0, 0, 0, 0, 0];
            let body = [last.to_be_bytes(), u32::from(reason).to_be_bytes()].concat();
            stream.write_all(&[&goaway[..], &body].concat()).await.unwrap();
            stream.shutdown().await.unwrap();
            while stream.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0) {}
        });
        what(error(addr).await)
    }

    /// [S12] A stream above the last one was not processed, whatever the reason for the end.
    #[tokio::test]
    async fn line_14_a_stream_above_the_last_one_was_not_processed() {
        for reason in (0..14).map(Reason::from) {
            assert_eq!(goes_away(0, reason).await, UNSENT, "{reason:?}");
            assert_eq!(goes_away(1, reason).await, BROKEN, "{reason:?}");
        }
    }

    /// [S12] any other end may have been processed.
    #[tokio::test]
    async fn any_other_end() {
        for reason in [Reason::INTERNAL_ERROR, Reason::CANCEL, Reason::ENHANCE_YOUR_CALM, Reason::NO_ERROR] {
            assert_eq!(what(error(ends(reason, false).await).await), BROKEN, "{reason:?}");
        }
        assert_eq!(what(error(ends(Reason::PROTOCOL_ERROR, true).await).await), BROKEN);
    }

    /// [S12] the same reason is found inside of hyper's errors, and of those of its client.
    #[tokio::test]
    async fn refused_in_the_chain_of_a_client() {
        let addr = ends(Reason::REFUSED_STREAM, false).await;
        let client = Client::builder(TokioExecutor::new()).http2_only(true).build_http();
        let error = client.request(get(addr)).await.unwrap_err();
        assert_eq!(what(error), UNSENT);

        let stream = TokioIo::new(TcpStream::connect(addr).await.unwrap());
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
        tokio::spawn(connection);
        assert_eq!(what(sender.send_request(get(addr)).await.unwrap_err()), UNSENT);
    }
}

mod reqwest_client {
    use super::*;

    async fn fails(addr: SocketAddr) -> reqwest::Error {
        reqwest::get(format!("http://{addr}/")).await.unwrap_err()
    }

    #[tokio::test]
    async fn each_row() {
        assert_eq!(what(fails(unused_address().await).await), UNSENT);
        assert_eq!(what(fails(answers("").await).await), BROKEN);
        assert_eq!(what(fails(answers("nonsense\r\n\r\n").await).await), GARBLED);
        let forever = answers("HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n").await;
        assert_eq!(fails(forever).await.class(), Transport::Redirect.class());
        let unusable = reqwest::Client::new().get("no url").build().unwrap_err();
        assert_eq!(unusable.class(), Transport::InvalidRequest.class());
    }

    #[tokio::test]
    async fn no_answer_in_time() {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = reqwest::Client::builder().timeout(Duration::from_millis(50)).build().unwrap();
        let error = client.get(format!("http://{}/", silent.local_addr().unwrap())).send().await.unwrap_err();
        assert_eq!(what(error), (Kind::Timeout, Delivery::Unknown));
    }

    #[tokio::test]
    async fn a_status_that_was_made_an_error() {
        for (status, kind) in [(404, Kind::NotFound), (429, Kind::Throttled), (503, Kind::Unavailable)] {
            let addr = answers(format!("HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n")).await;
            let answer = reqwest::get(format!("http://{addr}/")).await.unwrap();
            let error = answer.error_for_status().unwrap_err();
            assert_eq!(error.class(), Class::of_http(status));
            assert_eq!(what(error).0, kind);
        }
    }

    /// However it becomes an error of ours, the query and the user-info of its URL stay out; the rest is a note.
    #[tokio::test]
    async fn no_secret_of_a_url_is_shown() {
        let url = format!("http://user:hunter2@{}/pay?token=hunter2#hunter2", unused_address().await);
        let raise = |error: reqwest::Error| -> buttress_error::Result<()> { Err(error)? };
        let failed = async || reqwest::get(&url).await.unwrap_err();
        assert!(format!("{:?}", failed().await).contains("hunter2"), "else this proves nothing");
        let errors = [
            raise(failed().await).unwrap_err(),
            Error::from(BoxError::from(failed().await)),
            Error::wrap(Kind::Internal, failed().await),
            buttress_error::chain().translate(failed().await),
            Error::new(Kind::Internal, "no receipt").caused_by(failed().await),
        ];
        for error in errors {
            let text = format!("{error} {error:#} {error:?}");
            assert!(!text.contains("hunter2"), "{text}");
            assert!(
                error.notes().any(|note| note.starts_with("http://127.0.0.1:") && note.ends_with("/pay"))
            );
            assert!(error.find::<reqwest::Error>().is_some());
        }
    }

    /// In a box, in the chain of another, and by `?`.
    #[tokio::test]
    async fn wherever_it_is() {
        #[derive(Debug, thiserror::Error)]
        #[error("payment")]
        struct Payment(#[source] reqwest::Error);

        let addr = unused_address().await;
        let class = classify(&Payment(fails(addr).await));
        assert_eq!((class.kind, class.delivery), UNSENT);
        let raise = |error: reqwest::Error| -> buttress_error::Result<()> { Err(error)? };
        assert_eq!(*raise(fails(addr).await).unwrap_err().class(), class);
        assert_eq!(*Error::from(BoxError::from(fails(addr).await)).class(), class);
    }
}

/// The table of HTTP statuses. [S10] 52x by meaning, 529 as 503, an unknown 5xx as 500.
#[test]
fn line_12_each_status() {
    let table: &[(&[u16], Kind)] = &[
        (&[400, 406, 413, 415, 418, 422, 424, 431, 440, 498], Kind::InvalidArgument),
        (&[401], Kind::Unauthenticated),
        (&[402, 412, 426, 428], Kind::FailedPrecondition),
        (&[403, 451], Kind::PermissionDenied),
        (&[404, 410], Kind::NotFound),
        (&[405, 501, 505], Kind::Unimplemented),
        (&[408, 504, 522, 524, 598, 599], Kind::Timeout),
        (&[409, 423], Kind::Aborted),
        (&[416], Kind::OutOfRange),
        (&[429], Kind::Throttled),
        (&[499], Kind::Cancelled),
        (&[500, 506, 508, 509, 510, 512, 519, 528, 531, 540, 561, 597], Kind::Internal),
        (&[502, 503, 520, 521, 523, 525, 526, 527, 529, 530], Kind::Unavailable),
    ];
    for (codes, kind) in table {
        for &code in *codes {
            assert_eq!(Class::of_http(code), Class::new(*kind), "{code}");
        }
    }
    let not_processed = |kind| Class::new(kind).delivery(Delivery::NotProcessed);
    assert_eq!(Class::of_http(425), not_processed(Kind::Unavailable));
    for proxy in [407, 511] {
        assert_eq!(Class::of_http(proxy), not_processed(Kind::Unauthenticated), "{proxy}");
        assert!(Verdict::of(Class::of_http(proxy)).is_neutral(), "{proxy}: the origin has not seen it");
    }
}

/// [S20] A request that went to the wrong server is neutral for the right one.
#[test]
fn line_11_a_misdirected_request_is_neutral() {
    let class = Class::of_http(421);
    assert_eq!(
        (class.kind, class.delivery, class.retry),
        (Kind::Unavailable, Delivery::NotProcessed, RetryAdvice::Call)
    );
    assert!(class.retry_once && Verdict::of(class).is_neutral());
    assert!(!Class::of_http(425).retry_once && Verdict::of(Class::of_http(425)).is_failure());
}

/// [S20] A dependency whose quota is used up asks callers to slow down.
#[test]
fn line_16_an_exhausted_dependency_throttles() {
    let problem = buttress_error::WireError::new(Kind::ResourceExhausted).to_class();
    for class in [Class::of_http(507), Class::of_grpc(8), problem] {
        assert_eq!((class.kind, class.retry), (Kind::ResourceExhausted, RetryAdvice::Never));
        assert!(Verdict::of(class).is_throttle(), "{class:?}");
    }
    let ours = Verdict::of(Class::new(Kind::ResourceExhausted));
    assert!(!ours.is_failure(), "our own disk or memory is no throttle");
}

/// [S20] A status that was not expected is no proof of health, nor of a failure.
#[test]
fn a_status_that_is_no_failure_is_a_neutral_bad_response() {
    for code in [0, 100, 103, 200, 302, 304, 399, 600, 999] {
        let class = Class::of_http(code);
        assert_eq!((class.kind, class.delivery), (Kind::BadResponse, Delivery::Unknown), "{code}");
        assert!(Verdict::of(class).is_neutral(), "{code}");
    }
}
