//! `GET /token` issues a token, `GET /orders` answers to who has the latest one.

use std::convert::Infallible;
use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use http::header::AUTHORIZATION;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::Notify;

pub struct Server {
    callers: u32,
    issued: AtomicU32,
    /// The number of the only token that is good; none is zero.
    valid: AtomicU32,
    refused: AtomicU32,
    all_refused: Notify,
}

impl Server {
    pub fn new(callers: u32) -> Self {
        let zero = || AtomicU32::new(0);
        Self { callers, issued: zero(), valid: zero(), refused: zero(), all_refused: Notify::new() }
    }

    /// Serves on loopback until the program ends. The answer is where.
    pub async fn start(self: Arc<Self>) -> io::Result<String> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = Arc::clone(&self);
                tokio::spawn(async move {
                    let service = service_fn(|request| server.answer(request));
                    // An error here is a client that went away.
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Ok(url)
    }

    /// From now on no token is good but those that are issued.
    pub fn expire_tokens(&self) {
        self.refused.store(0, SeqCst);
        self.valid.store(0, SeqCst);
    }

    /// Since then.
    pub fn refused(&self) -> u32 {
        self.refused.load(SeqCst)
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        if request.uri().path() == "/token" {
            // The worst case: every caller has found out by itself that its token has expired.
            self.all_refused.notified().await;
            let token = self.issued.fetch_add(1, SeqCst) + 1;
            self.valid.store(token, SeqCst);
            return Ok(Response::new(Full::from(format!("token-{token}"))));
        }
        let expected = format!("Bearer token-{}", self.valid.load(SeqCst));
        if request.headers().get(AUTHORIZATION).is_some_and(|given| given.as_bytes() == expected.as_bytes()) {
            return Ok(Response::new(Full::from("order 17")));
        }
        if self.refused.fetch_add(1, SeqCst) + 1 == self.callers {
            self.all_refused.notify_one();
        }
        let mut reply = Response::new(Full::default());
        *reply.status_mut() = StatusCode::UNAUTHORIZED;
        Ok(reply)
    }
}
