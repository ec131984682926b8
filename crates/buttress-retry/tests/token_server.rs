//! A token server and an API that wants its tokens, both real and on loopback.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use buttress_context::Context;
use buttress_error::{Class, Error, Kind};
use buttress_retry::{Policy, RetryLayer, TokenSource};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tower::{Layer, Service, ServiceExt, service_fn};

const CALLERS: u32 = 200;

/// `GET /token` issues a token, once all callers were refused; `GET /orders` answers to the latest one only.
#[derive(Default)]
struct Server {
    issued: AtomicU32,
    /// The number of the only token that is valid; none is zero.
    valid: AtomicU32,
    refused: AtomicU32,
    answered: AtomicU32,
    all_refused: Notify,
}

impl Server {
    async fn start(self: Arc<Self>) -> io::Result<SocketAddr> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(Arc::clone(&self).serve(stream));
            }
        });
        Ok(address)
    }

    async fn serve(self: Arc<Self>, mut stream: TcpStream) -> io::Result<()> {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            if stream.read_buf(&mut request).await? == 0 {
                return Ok(());
            }
        }
        let request = String::from_utf8_lossy(&request).into_owned();
        let (status, body) = if request.starts_with("GET /token ") {
            self.all_refused.notified().await;
            let token = self.issued.fetch_add(1, SeqCst) + 1;
            self.valid.store(token, SeqCst);
            ("200 OK", token.to_string())
        } else if request.contains(&format!("authorization: Bearer {}\r\n", self.valid.load(SeqCst))) {
            self.answered.fetch_add(1, SeqCst);
            ("200 OK", "order 17".to_owned())
        } else {
            if self.refused.fetch_add(1, SeqCst) + 1 == CALLERS {
                self.all_refused.notify_one();
            }
            ("401 Unauthorized", String::new())
        };
        let length = body.len();
        let reply =
            format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
        stream.write_all(reply.as_bytes()).await
    }
}

/// As many connections at once as any system's queue takes: what it drops is sent again only after a second.
static CONNECTIONS: Semaphore = Semaphore::const_new(64);

async fn get(address: SocketAddr, path: &str, token: Option<&str>) -> Result<String, Error> {
    let _connection = CONNECTIONS.acquire().await.expect("it is never closed");
    let mut stream = TcpStream::connect(address).await?;
    let authorization = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{authorization}\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await?;
    match reply.split_once("\r\n\r\n") {
        Some((head, body)) if head.starts_with("HTTP/1.1 200 ") => Ok(body.to_owned()),
        Some((head, _)) if head.starts_with("HTTP/1.1 401 ") => {
            Err(Error::new(Class::new(Kind::Unauthenticated).dependency(), "401"))
        }
        _ => Err(Error::new(Kind::BadResponse, "no HTTP")),
    }
}

/// [S17] 200 callers with an expired token, or none: exactly one refresh, and every one of them has its answer; the
/// token is put on below the retry, so the repeated request carries the new one.
#[tokio::test]
async fn two_hundred_callers_one_refresh() {
    let server = Arc::new(Server::default());
    let address = Arc::clone(&server).start().await.expect("loopback");
    let tokens = TokenSource::new(move || get(address, "/token", None));
    let remedy = tokens.remedy().build().expect("good settings");
    let used = tokens.clone();
    let bearer = service_fn(move |path: String| {
        let token = used.current();
        async move { get(address, &path, token.as_deref().map(String::as_str)).await }
    });
    let layer = RetryLayer::new(Policy::default()).with_remedy(remedy.clone());
    let client = layer.layer(bearer);

    for round in 1..=3 {
        server.refused.store(0, SeqCst);
        let mut calls = JoinSet::new();
        for _ in 0..CALLERS {
            let call = call(client.clone());
            calls.spawn(Context::default().with_ids().scope(call));
        }
        let all = async {
            while let Some(answer) = calls.join_next().await {
                assert_eq!(answer.expect("no panic").expect("remedied"), "order 17");
            }
        };
        timeout(Duration::from_secs(60), all).await.expect("no call waits forever");
        assert_eq!((server.issued.load(SeqCst), remedy.stats().succeeded), (round, u64::from(round)));
        assert_eq!(server.refused.load(SeqCst), CALLERS, "one refused attempt each");
        assert_eq!(server.answered.swap(0, SeqCst), CALLERS);
        server.valid.store(0, SeqCst); // It has expired.
    }
}

async fn call<S>(client: S) -> Result<String, Error>
where
    S: Service<String, Response = String, Error = Error>,
{
    client.oneshot("/orders".to_owned()).await
}
