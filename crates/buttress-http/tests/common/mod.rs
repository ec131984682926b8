//! A server that is written by hand, so that it can do everything wrong.
#![allow(dead_code)]

use std::sync::{Arc, Mutex};

use buttress_error::Error;
use buttress_http::{Body, Http, HttpLayer};
use http::Request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tower::{Layer, Service, ServiceExt};

/// What a server does once it has read a request's head.
#[derive(Clone)]
pub(crate) enum Then {
    /// Writes this and closes.
    Close(Vec<u8>),
    /// Writes this and holds the connection.
    Hang(Vec<u8>),
    /// Breaks the connection off with a reset.
    Reset,
}

pub(crate) struct Server {
    pub(crate) url: String,
    heads: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(then: Then) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let heads = Arc::<Mutex<Vec<String>>>::default();
        let seen = Arc::clone(&heads);
        let task = tokio::spawn(async move {
            let mut held = Vec::new();
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let head = head(&mut stream).await;
                seen.lock().unwrap().push(head);
                match &then {
                    Then::Close(bytes) => {
                        // The client may have had enough.
                        let _ = stream.write_all(bytes).await;
                        let _ = stream.shutdown().await;
                        // What it still sends must not turn the end into a reset.
                        let _ = stream.read(&mut [0; 64 * 1024]).await;
                    }
                    Then::Hang(bytes) => {
                        stream.write_all(bytes).await.unwrap();
                        held.push(stream);
                    }
                    Then::Reset => stream.set_zero_linger().unwrap(),
                }
            }
        });
        Self { url, heads, task }
    }

    pub(crate) async fn answers(text: &str) -> Self {
        Self::start(Then::Close(text.replace('\n', "\r\n").into_bytes())).await
    }

    /// The heads of all requests so far, in lower case.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(head).unwrap().to_ascii_lowercase()
}

pub(crate) async fn send<S, R>(client: &mut Http<S, R>, request: Request<Body>) -> Result<S::Response, Error>
where
    S: Service<R>,
    Http<S, R>: Service<Request<Body>, Response = S::Response, Error = Error>,
{
    client.ready().await?.call(request).await
}

pub(crate) fn get(url: &str) -> Request<Body> {
    Request::get(url).body(Body::empty()).unwrap()
}

#[cfg(feature = "reqwest")]
pub(crate) type Client = Http<reqwest::Client, reqwest::Request>;

#[cfg(feature = "reqwest")]
pub(crate) fn client(builder: reqwest::ClientBuilder) -> Client {
    HttpLayer::new("payments").layer(builder.no_proxy().build().unwrap())
}
