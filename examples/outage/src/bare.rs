//! The bare client: `reqwest::Client` as a tower service, with a stopwatch that tells what the layers above it add.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use reqwest::{Request, Response};
use tokio::time::Instant;
use tower_service::Service;

/// The attempts of one call.
#[derive(Clone, Copy, Debug, Default)]
pub struct Attempts {
    pub made: u32,
    /// The time in which reqwest was at work for those that were not cut short.
    pub time: Duration,
}

tokio::task_local! {
    static ATTEMPTS: Cell<Attempts>;
}

/// Makes a call, and counts the attempts that arrive at a [`Bare`] below it.
pub async fn watch<T>(call: impl Future<Output = T>) -> (T, Attempts) {
    ATTEMPTS.scope(Cell::default(), async { (call.await, ATTEMPTS.with(Cell::get)) }).await
}

fn note(change: impl FnOnce(&mut Attempts)) {
    let noted = ATTEMPTS.try_with(|cell| {
        let mut attempts = cell.get();
        change(&mut attempts);
        cell.set(attempts);
    });
    // Nobody watches this call.
    let _ = noted;
}

#[derive(Clone, Debug)]
pub struct Bare(pub reqwest::Client);

impl Service<Request> for Bare {
    type Response = Response;
    type Error = reqwest::Error;
    type Future = Pin<Box<dyn Future<Output = reqwest::Result<Response>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<reqwest::Result<()>> {
        Service::poll_ready(&mut self.0, cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let http = self.0.clone();
        Box::pin(async move {
            note(|attempts| attempts.made += 1);
            let began = Instant::now();
            let reply = http.execute(request).await;
            note(|attempts| attempts.time += began.elapsed());
            reply
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn attempts_are_counted_by_call() {
        // Nobody can listen on port 0.
        let mut bare = Bare(reqwest::Client::builder().no_proxy().build().unwrap());
        let mut attempt =
            || bare.call(Request::new(reqwest::Method::GET, "http://127.0.0.1:0".parse().unwrap()));
        let (first, second, third) = (attempt(), attempt(), attempt());
        assert!(first.await.is_err(), "unwatched");
        let (_, attempts) = watch(async { (second.await.is_err(), third.await.is_err()) }).await;
        assert_eq!(attempts.made, 2);
        assert_eq!(watch(async {}).await.1.made, 0);
    }
}
