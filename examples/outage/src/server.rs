//! A server: a real listener on a free port of the loopback, which follows the schedule.
//!
//! Each client has one of its own, so that the storms of one don't hurt the other. Both are alike.

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::RETRY_AFTER;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use reqwest::Url;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use crate::backlog::Backlog;
use crate::schedule::{Condition, Schedule, is_unlucky};

pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    site: Arc<Site>,
}

/// What all connections share.
struct Site {
    schedule: Arc<Schedule>,
    seed: u64,
    hits: AtomicU64,
    backlog: Mutex<Backlog>,
}

impl Site {
    fn is_overloaded(&self) -> bool {
        self.backlog.lock().unwrap_or_else(PoisonError::into_inner).overloaded(Instant::now())
    }
}

/// Reads how many requests have come to the server.
#[derive(Clone)]
pub struct Hits(Arc<Site>);

impl Hits {
    pub fn read(&self) -> u64 {
        self.0.hits.load(Ordering::Relaxed)
    }
}

impl Server {
    pub async fn bind(schedule: Arc<Schedule>, seed: u64) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let backlog = Mutex::new(Backlog::new(Instant::now()));
        let site = Arc::new(Site { schedule, seed, hits: AtomicU64::new(0), backlog });
        Ok(Self { listener, address, site })
    }

    /// Where its client finds it.
    pub fn url(&self) -> Url {
        format!("http://{}", self.address).parse().expect("an address")
    }

    pub fn hits(&self) -> Hits {
        Hits(Arc::clone(&self.site))
    }

    /// Goes through the script, and stays in the last phase until it is dropped.
    pub async fn run(self) -> io::Result<Infallible> {
        let Self { mut listener, address, site } = self;
        let mut connections = JoinSet::new();
        let (schedule, script) = (&site.schedule, site.schedule.script());
        for (number, phase) in script[..script.len() - 1].iter().enumerate() {
            let over = schedule.began() + schedule.end(number);
            if phase.condition == Condition::Refused {
                drop(listener);
                connections.shutdown().await;
                let reserved = reserve(address)?;
                sleep_until(over).await;
                listener = reserved.listen(1024)?;
            } else {
                let _ = timeout_at(over, serve(&listener, &site, &mut connections)).await;
            }
        }
        Ok(serve(&listener, &site, &mut connections).await)
    }
}

/// Keeps the port without listening: connections are refused, and nobody else gets it in the meantime.
fn reserve(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// Accepts connections until it is dropped.
async fn serve(listener: &TcpListener, site: &Arc<Site>, connections: &mut JoinSet<()>) -> Infallible {
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(connections.spawn(converse(stream, Arc::clone(site)))),
                // No file descriptor is left, say: some will be soon.
                Err(_) => sleep(Duration::from_millis(10)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn converse(stream: TcpStream, site: Arc<Site>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(|_: Request<Incoming>| answer(&site));
    // An error here is a client that went away.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(site: &Site) -> Result<Response<Full<Bytes>>, Infallible> {
    let number = site.hits.fetch_add(1, Ordering::Relaxed);
    Ok(match site.schedule.condition() {
        Condition::Hanging | Condition::Refused => pending().await,
        _ if site.is_overloaded() => reply(StatusCode::SERVICE_UNAVAILABLE),
        Condition::Flaky if is_unlucky(site.seed, number) => reply(StatusCode::SERVICE_UNAVAILABLE),
        Condition::Throttled => {
            let mut reply = reply(StatusCode::TOO_MANY_REQUESTS);
            reply.headers_mut().insert(RETRY_AFTER, 1.into());
            reply
        }
        _ => reply(StatusCode::OK),
    })
}

fn reply(status: StatusCode) -> Response<Full<Bytes>> {
    let mut reply = Response::new(Full::from(status.as_str().to_owned()));
    *reply.status_mut() = status;
    reply
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::{Phase, phase};

    const TEST: &[Phase] = &[
        phase("429", Condition::Throttled, 500),
        phase("refused", Condition::Refused, 500),
        phase("healthy", Condition::Healthy, 0),
    ];

    #[tokio::test]
    async fn the_listener_closes_and_comes_back_on_its_port() {
        let server = Server::bind(Arc::new(Schedule::new(TEST)), 0).await.unwrap();
        let (url, hits) = (server.url(), server.hits());
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let ask = async {
            let mut seen = vec![];
            while seen.last() != Some(&"200 None".to_owned()) {
                seen.push(match http.get(url.clone()).send().await {
                    Ok(reply) => {
                        format!("{} {:?}", reply.status().as_u16(), reply.headers().get(RETRY_AFTER))
                    }
                    Err(_) => "refused".into(),
                });
                sleep(Duration::from_millis(20)).await;
            }
            seen
        };
        let mut seen = tokio::select! {
            seen = ask => seen,
            broken = server.run() => match broken.unwrap() {},
        };
        let answered = seen.iter().filter(|seen| *seen != "refused").count() as u64;
        assert!(hits.read() >= answered);
        seen.dedup();
        assert_eq!(seen, ["429 Some(\"1\")", "refused", "200 None"]);
    }

    #[tokio::test]
    async fn a_storm_is_refused_in_a_healthy_phase() {
        const FINE: &[Phase] = &[phase("healthy", Condition::Healthy, 0)];
        let server = Server::bind(Arc::new(Schedule::new(FINE)), 0).await.unwrap();
        let ask = || async { answer(&server.site).await.unwrap().status() };
        assert_eq!(ask().await, StatusCode::OK);
        let mut storm = 0;
        while ask().await == StatusCode::OK {
            storm += 1;
        }
        assert!(storm >= 25, "{storm}");
    }
}
