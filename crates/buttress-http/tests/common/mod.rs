//! A server that is written by hand, so that it can do everything wrong.
#![allow(dead_code)]

use std::pin::Pin;
use std::sync::{Arc, Mutex};

use buttress_error::Error;
use buttress_http::{Body, HttpLayer, HttpService};
use http::{Request, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tower::{Layer, Service, ServiceExt};

/// What a server does with a request, once it has read all of it.
#[derive(Clone)]
pub(crate) enum Then {
    /// Writes this and closes.
    Close(Vec<u8>),
    /// Writes this and holds the connection.
    Hang(Vec<u8>),
    /// Breaks the connection off with a reset.
    Reset,
    /// Writes this, closes, and has read nothing but the head.
    Early(Vec<u8>),
    /// Writes what a handler makes of the head, and closes.
    Handle(Handler),
}

type Handler = Arc<dyn Fn(String) -> Pin<Box<dyn Future<Output = Response<String>> + Send>> + Send + Sync>;

impl Then {
    /// An answer, its lines ended by `\n`.
    pub(crate) fn answer(text: &str) -> Self {
        Self::Close(text.replace('\n', "\r\n").into_bytes())
    }

    /// An answer without a body.
    pub(crate) fn status(status: &str) -> Self {
        Self::answer(&format!("HTTP/1.1 {status}\nContent-Length: 0\n\n"))
    }

    pub(crate) fn handle<F>(handler: impl Fn(String) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Response<String>> + Send + 'static,
    {
        Self::Handle(Arc::new(move |head| Box::pin(handler(head))))
    }
}

/// A request that was read: its head in lower case, and its body without chunks.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

pub(crate) struct Server {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: JoinHandle<()>,
}

impl Server {
    /// Does the same with each request.
    pub(crate) async fn start(then: Then) -> Self {
        Self::script([then]).await
    }

    /// Does the next of these with each request, and the last with all that follow.
    pub(crate) async fn script(thens: impl IntoIterator<Item = Then>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let mut thens: Vec<_> = thens.into_iter().collect();
        thens.reverse();
        let task = tokio::spawn(serve(listener, thens, Arc::clone(&seen)));
        Self { url, seen, task }
    }

    pub(crate) async fn answers(text: &str) -> Self {
        Self::start(Then::answer(text)).await
    }

    /// All requests so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The heads of all requests so far, in lower case.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.head).collect()
    }
}

async fn serve(listener: TcpListener, mut thens: Vec<Then>, seen: Arc<Mutex<Vec<Seen>>>) {
    let mut held = Vec::new();
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let head = head(&mut stream).await;
        let then = if thens.len() > 1 { thens.pop().unwrap() } else { thens[0].clone() };
        let body = if matches!(then, Then::Early(_)) { Vec::new() } else { body(&mut stream, &head).await };
        seen.lock().unwrap().push(Seen { head: head.clone(), body });
        match then {
            Then::Close(bytes) | Then::Early(bytes) => close(stream, &bytes).await,
            Then::Hang(bytes) => {
                stream.write_all(&bytes).await.unwrap();
                held.push(stream);
            }
            Then::Reset => stream.set_zero_linger().unwrap(),
            Then::Handle(handler) => {
                tokio::spawn(async move {
                    let answer = handler(head).await;
                    close(stream, &written(&answer)).await;
                });
            }
        }
    }
}

async fn close(mut stream: TcpStream, bytes: &[u8]) {
    // The client may have had enough.
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
    // What it still sends must not turn the end into a reset.
    while stream.read(&mut [0; 64 * 1024]).await.is_ok_and(|read| read > 0) {}
}

fn written(answer: &Response<String>) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {}\r\ncontent-length: {}\r\n", answer.status(), answer.body().len());
    for (name, value) in answer.headers() {
        text += &format!("{name}: {}\r\n", value.to_str().unwrap());
    }
    format!("{text}\r\n{}", answer.body()).into_bytes()
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Up to the end that `stop` sees, or that of the connection.
async fn read_until(stream: &mut TcpStream, stop: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    while !stop(&bytes) {
        match stream.read_u8().await {
            Ok(byte) => bytes.push(byte),
            Err(_) => break,
        }
    }
    bytes
}

async fn head(stream: &mut TcpStream) -> String {
    let head = read_until(stream, |bytes| bytes.ends_with(b"\r\n\r\n")).await;
    String::from_utf8(head).unwrap().to_ascii_lowercase()
}

async fn body(stream: &mut TcpStream, head: &str) -> Vec<u8> {
    let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    if header("transfer-encoding") != Some("chunked") {
        let length = header("content-length").map_or(0, |text| text.parse().unwrap());
        return read_until(stream, |bytes| bytes.len() == length).await;
    }
    let mut body = Vec::new();
    loop {
        let size = read_until(stream, |bytes| bytes.ends_with(b"\r\n")).await;
        let size = usize::from_str_radix(str::from_utf8(&size).unwrap().trim(), 16).unwrap_or(0);
        let chunk = read_until(stream, |bytes| bytes.len() == size + 2).await;
        body.extend_from_slice(&chunk[..size.min(chunk.len())]);
        if size == 0 {
            return body;
        }
    }
}

pub(crate) async fn send<S, R>(
    client: &mut HttpService<S, R>,
    request: Request<Body>,
) -> Result<S::Response, Error>
where
    S: Service<R>,
    HttpService<S, R>: Service<Request<Body>, Response = S::Response, Error = Error>,
{
    client.ready().await?.call(request).await
}

pub(crate) fn get(url: &str) -> Request<Body> {
    Request::get(url).body(Body::empty()).unwrap()
}

#[cfg(feature = "reqwest")]
pub(crate) type Client = HttpService<reqwest::Client, reqwest::Request>;

#[cfg(feature = "reqwest")]
pub(crate) fn client(builder: reqwest::ClientBuilder) -> Client {
    HttpLayer::new("payments").layer(builder.no_proxy().build().unwrap())
}
