//! Retry of a reqwest request whose first attempt is answered well, over an answer that is made in place: no network.
//!
//! Both sides copy the request before they send it, since it may have to be sent again, and read the answer's status.

use std::future::{Ready, ready};
use std::hint::black_box;
use std::pin::Pin;

use buttress::RetryLayer;
use buttress::http::http_classifier;
use http::{Extensions, Response as Reply};
use reqwest::{Method, Request, Response, Url};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Middleware, Next, Result as Outcome};
use reqwest_retry::RetryTransientMiddleware;
use reqwest_retry::policies::ExponentialBackoff;
use tower::{Layer, Service, service_fn};

use super::retry::policy;
use crate::case::{BARE, Case, OURS, Subject};
use crate::drive::drive;
use crate::peers;
use crate::service::Failure;

pub(super) const CASES: [Case; 1] = [Case {
    name: "retry/reqwest",
    subjects: || vec![bare(), ours(), reqwest_retry(), reqwest_middleware()],
}];

fn request(url: &Url) -> Request {
    Request::new(Method::GET, black_box(url.clone()))
}

fn answer() -> Response {
    Response::from(Reply::new(""))
}

fn canned(request: Request) -> Ready<Result<Response, Failure>> {
    drop(black_box(request));
    ready(Ok(answer()))
}

fn each(mut call: impl FnMut(Request) -> bool + Send + 'static) -> impl FnMut(u64) + Send {
    let url = Url::parse("http://localhost/orders/17").expect("a URL");
    move |n| {
        let good = (0..n).filter(|_| black_box(call(request(&url)))).count();
        assert_eq!(good as u64, n, "calls that succeeded");
    }
}

/// The request and its answer alone.
fn bare() -> Subject {
    Subject::new(BARE, each(|request| drive(canned(request)).is_ok()))
}

/// Four attempts, exponential waits, no budget, as the peer.
fn ours() -> Subject {
    let layer = RetryLayer::new(policy(None)).replay_with(Request::try_clone).classifier(http_classifier());
    let mut service = layer.layer(service_fn(canned));
    Subject::new(OURS, each(move |request| drive(service.call(request)).is_ok()))
}

/// The same.
fn reqwest_retry() -> Subject {
    let retry =
        RetryTransientMiddleware::new_with_policy(ExponentialBackoff::builder().build_with_max_retries(3));
    through(peers::reqwest_retry(), client().with(retry).with(Canned).build())
}

/// What of that is the chain of middleware.
fn reqwest_middleware() -> Subject {
    through(peers::reqwest_middleware(), client().with(Canned).build())
}

fn client() -> ClientBuilder {
    ClientBuilder::new(reqwest::Client::new())
}

fn through(name: String, client: ClientWithMiddleware) -> Subject {
    Subject::new(name, each(move |request| drive(client.execute(request)).is_ok()))
}

/// Answers in place of the client. (By hand what `async_trait` makes of an async function.)
struct Canned;

impl Middleware for Canned {
    fn handle<'s, 'e, 'n, 'f>(
        &'s self,
        request: Request,
        _: &'e mut Extensions,
        _: Next<'n>,
    ) -> Pin<Box<dyn Future<Output = Outcome<Response>> + Send + 'f>>
    where
        's: 'f,
        'e: 'f,
        'n: 'f,
        Self: 'f,
    {
        Box::pin(async move {
            drop(black_box(request));
            Ok(answer())
        })
    }
}
