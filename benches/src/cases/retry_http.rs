//! Retry of a reqwest request whose first attempt succeeds. The response is made in place, without a network.
//!
//! Both sides copy the request before they send it, since they may have to send it again, and read the status.

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
use tower::{Layer, service_fn};

use super::retry::policy;
use crate::case::{BARE, Case, OURS, Subject};
use crate::drive::{Ends, awaited, calls_with};
use crate::peers;
use crate::service::App;

pub(super) const CASES: [Case; 1] = [Case {
    name: "retry/reqwest",
    subjects: || vec![bare(), ours(), reqwest_retry(), reqwest_middleware()],
}];

fn request(url: &Url) -> Request {
    Request::new(Method::GET, black_box(url.clone()))
}

fn response() -> Response {
    Response::from(Reply::new(""))
}

fn canned(request: Request) -> Ready<Result<Response, App>> {
    drop(black_box(request));
    ready(Ok(response()))
}

fn url() -> Url {
    Url::parse("http://localhost/orders/17").expect("a URL")
}

/// The request and its response alone.
fn bare() -> Subject {
    let url = url();
    Subject::new(BARE, calls_with(service_fn(canned), Ends::Well, move |_| request(&url)))
}

/// Four attempts, exponential waits, no budget, as the peer.
fn ours() -> Subject {
    let layer = RetryLayer::new(policy(None)).replay_with(Request::try_clone).classifier(http_classifier());
    let url = url();
    let work = calls_with(layer.layer(service_fn(canned)), Ends::Well, move |_| request(&url));
    Subject::new(OURS, work)
}

/// The same.
fn reqwest_retry() -> Subject {
    let retry =
        RetryTransientMiddleware::new_with_policy(ExponentialBackoff::builder().build_with_max_retries(3));
    through(peers::reqwest_retry(), client().with(retry).with(Canned).build())
}

/// The share of that which is the chain of middleware.
fn reqwest_middleware() -> Subject {
    through(peers::reqwest_middleware(), client().with(Canned).build())
}

fn client() -> ClientBuilder {
    ClientBuilder::new(reqwest::Client::new())
}

fn through(name: String, client: ClientWithMiddleware) -> Subject {
    let url = url();
    Subject::new(name, awaited(Ends::Well, async move |_| client.execute(request(&url)).await))
}

/// Responds in place of the client. (It is what `async_trait` makes of an async function.)
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
            Ok(response())
        })
    }
}
