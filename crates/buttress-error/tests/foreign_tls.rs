//! Handshakes of TLS that a server refuses, over both versions.
#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

use std::sync::Arc;

use buttress_error::{BoxError, Classified, Classify, Transport, Verdict, classify};
use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::Empty;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion, crypto};
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// What the two sides hold.
#[derive(Clone, Copy, PartialEq)]
enum Certificates {
    /// The server wants one of the client, which has none.
    NoneOfTheClient,
    /// The server wants one, and does not trust the client's.
    UntrustedOfTheClient,
    /// The client does not trust the server's.
    UntrustedOfTheServer,
}

struct Pair {
    client: ClientConfig,
    server: ServerConfig,
}

fn pair(certificates: Certificates, version: &'static SupportedProtocolVersion, http2: bool) -> Pair {
    let provider = Arc::new(crypto::ring::default_provider());
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = |pair: &rcgen::KeyPair| PrivateKeyDer::try_from(pair.serialize_der()).unwrap();
    let trusting = |certificate: &rcgen::Certificate| {
        let mut roots = RootCertStore::empty();
        roots.add(certificate.der().clone()).unwrap();
        roots
    };
    let clients = Arc::new(trusting(&own.cert));
    let clients =
        WebPkiClientVerifier::builder_with_provider(clients, Arc::clone(&provider)).build().unwrap();
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider));
    let mut server = server
        .with_protocol_versions(&[version])
        .unwrap()
        .with_client_cert_verifier(clients)
        .with_single_cert(vec![own.cert.der().clone()], key(&own.signing_key))
        .unwrap();
    let untrusted = certificates == Certificates::UntrustedOfTheServer;
    let client = ClientConfig::builder_with_provider(provider);
    let client = client
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(trusting(if untrusted { &other.cert } else { &own.cert }));
    let mut client = match certificates {
        Certificates::UntrustedOfTheClient => {
            client.with_client_auth_cert(vec![other.cert.der().clone()], key(&other.signing_key)).unwrap()
        }
        _ => client.with_no_client_auth(),
    };
    if http2 {
        server.alpn_protocols = vec![b"h2".to_vec()];
        client.alpn_protocols = vec![b"h2".to_vec()];
    }
    Pair { client, server }
}

type Tls = tokio_rustls::client::TlsStream<TcpStream>;

/// hyper-util asks a connection of ours what it is.
struct Stream(TokioIo<Tls>);

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

macro_rules! delegate {
    ($($call:ident($($name:ident: $type:ty),*) -> $output:ty;)*) => {
        $(fn $call(mut self: std::pin::Pin<&mut Self>, cx: &mut std::task::Context<'_>, $($name: $type),*)
            -> std::task::Poll<$output> { std::pin::Pin::new(&mut self.0).$call(cx, $($name),*) })*
    };
}

impl hyper::rt::Read for Stream {
    delegate! { poll_read(buf: hyper::rt::ReadBufCursor<'_>) -> std::io::Result<()>; }
}

impl hyper::rt::Write for Stream {
    delegate! {
        poll_write(buf: &[u8]) -> std::io::Result<usize>;
        poll_flush() -> std::io::Result<()>;
        poll_shutdown() -> std::io::Result<()>;
    }
}

/// A server that has done its handshake answers nothing.
async fn serve(listener: TcpListener, config: ServerConfig) {
    let acceptor = TlsAcceptor::from(Arc::new(config));
    while let Ok((stream, _)) = listener.accept().await {
        if let Err((_, mut stream)) = acceptor.accept(stream).into_fallible().await {
            // Not a reset, which would overtake the alert.
            let _ = stream.shutdown().await;
            while stream.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0) {}
        }
    }
}

/// The error of a client, boxed, and of the bare connection.
async fn refused(
    certificates: Certificates,
    version: &'static SupportedProtocolVersion,
    http2: bool,
) -> (hyper_util::client::legacy::Error, std::io::Error) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let Pair { client, server } = pair(certificates, version, http2);
    tokio::spawn(serve(listener, server));
    let tls = TlsConnector::from(Arc::new(client));
    let connect = move || {
        let tls = tls.clone();
        async move { tls.connect("localhost".try_into().unwrap(), TcpStream::connect(addr).await?).await }
    };
    let bare = match connect().await {
        Err(error) => error,
        Ok(mut stream) => stream.read(&mut [0; 16]).await.unwrap_err(),
    };
    let connector = tower::service_fn(move |_: Uri| {
        let connecting = connect();
        Box::pin(async { connecting.await.map(|stream| Stream(TokioIo::new(stream))) })
    });
    let client = Client::builder(TokioExecutor::new()).http2_only(http2).build(connector);
    let request = Request::post("https://localhost/").body(Empty::<Bytes>::new()).unwrap();
    (client.request(request).await.unwrap_err(), bare)
}

/// [S20] With TLS 1.3 the client has sent its request when it learns that its certificate is not good enough,
/// and with TLS 1.2 not yet: it is the same refusal.
#[tokio::test]
async fn line_8_a_refused_handshake_is_the_same_in_both_versions() {
    use Certificates::{NoneOfTheClient, UntrustedOfTheClient, UntrustedOfTheServer};
    for certificates in [NoneOfTheClient, UntrustedOfTheClient, UntrustedOfTheServer] {
        for version in [&TLS12, &TLS13] {
            for http2 in [false, true] {
                let (error, bare) = refused(certificates, version, http2).await;
                let class = error.class();
                assert_eq!(
                    class,
                    Transport::Untrusted.class(),
                    "{:?} h2 {http2}: {error:?}",
                    version.version
                );
                assert!(Verdict::of(class).is_neutral());
                assert_eq!(BoxError::from(error).classified(), class);
                let by_alert = certificates != UntrustedOfTheServer;
                assert!(!by_alert || classify(&bare) == class, "a bare connection: {bare:?}");
            }
        }
    }
}
