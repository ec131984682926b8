//! What leaves with a request, and where redirects may take it.
#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

mod common;

use std::time::Duration;

use buttress_breaker::{Breaker, BreakerLayer, BreakerStats, Window};
use buttress_context::{Context, RequestId, Trace};
use buttress_error::{ByKind, Class, Classifier, Delivery, Error, Kind, RetryAdvice};
use buttress_http::{Bearer, BearerLayer, BearerService, Body, CrossOriginRedirect, HttpLayer, same_origin};
use common::{Client, Server, Then, client, get, send};
use http::Request;
use tower::{Layer, ServiceBuilder, ServiceExt};

const OK: &str = "HTTP/1.1 200 OK\nContent-Length: 0\n\n";

fn context() -> Context {
    Context::default()
        .with_request_id(RequestId::parse("order-42").unwrap())
        .with_trace(Trace::random())
        .with_timeout(Duration::from_secs(60))
}

/// The value of a header in a head that was sent.
fn sent<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// [S41] a named client sends request id and traceparent; the deadline to no origin that is not listed.
#[tokio::test]
async fn context_goes_out() {
    let server = Server::answers(OK).await;
    let cx = context();
    let trace = *cx.trace().unwrap();
    cx.scope(async {
        send(&mut client(reqwest::Client::builder()), get(&server.url)).await.unwrap();
        let head = server.heads().pop().unwrap();
        assert_eq!(sent(&head, "x-request-id"), Some("order-42"));
        let traceparent = sent(&head, "traceparent").unwrap();
        assert_eq!(traceparent.len(), 55);
        assert!(traceparent.contains(&trace.trace_id().to_string()), "the same trace");
        assert!(!traceparent.contains(&trace.span_id().to_string()), "a span of its own");
        assert_eq!(sent(&head, "x-request-deadline-ms"), None);
    })
    .await;
}

/// [S41] the deadline goes to listed origins.
#[tokio::test]
async fn the_deadline_goes_to_whom_we_trust() -> Result<(), Box<dyn std::error::Error>> {
    let server = Server::answers(OK).await;
    let http = HttpLayer::new("payments")
        .send_deadline_to("https://elsewhere.test")?
        .send_deadline_to(&server.url)?;
    let mut client = http.layer(reqwest::Client::new());
    context().scope(send(&mut client, get(&server.url))).await?;
    let head = server.heads().pop().unwrap();
    let left: u64 = sent(&head, "x-request-deadline-ms").unwrap().parse()?;
    assert!((1..=60_000).contains(&left), "{left}");
    Ok(())
}

/// The reason for [`same_origin`]: reqwest carries our headers to wherever it is redirected.
#[tokio::test]
async fn reqwest_alone_carries_headers_to_another_origin() {
    let other = Server::answers(OK).await;
    let server =
        Server::answers(&format!("HTTP/1.1 302 Found\nLocation: {}\nContent-Length: 0\n\n", other.url)).await;
    context().scope(send(&mut client(reqwest::Client::builder()), get(&server.url))).await.unwrap();
    assert_eq!(sent(&other.heads()[0], "x-request-id"), Some("order-42"));
}

/// [S41] under `same_origin` nothing of a request gets to another origin.
#[tokio::test]
async fn a_redirect_to_another_origin_is_refused() {
    let other = Server::answers(OK).await;
    let server =
        Server::answers(&format!("HTTP/1.1 302 Found\nLocation: {}\nContent-Length: 0\n\n", other.url)).await;
    let mut client = client(reqwest::Client::builder().redirect(same_origin()));
    let error = context().scope(send(&mut client, get(&server.url))).await.unwrap_err();
    assert_eq!((error.kind(), error.class().retry), (Kind::FailedPrecondition, RetryAdvice::Never));
    assert_eq!(error.find::<CrossOriginRedirect>().unwrap().to(), other.url);
    assert!(other.heads().is_empty());
}

#[tokio::test]
async fn a_redirect_inside_the_origin_is_followed_ten_times() {
    let server = Server::answers("HTTP/1.1 302 Found\nLocation: /\nContent-Length: 0\n\n").await;
    let mut client = client(reqwest::Client::builder().redirect(same_origin()));
    let error = send(&mut client, get(&server.url)).await.unwrap_err();
    assert_eq!((error.kind(), error.class().retry), (Kind::FailedPrecondition, RetryAdvice::Never));
    assert_eq!(server.heads().len(), 11);
}

/// [S38] nothing of a token gets to another origin, not even by two hops, under `same_origin`.
#[tokio::test]
async fn a_token_goes_nowhere_else() {
    let other = Server::script([to("/again"), Then::status("200 OK")]).await;
    let first = Server::script([to("/again"), to(&other.url)]).await;
    let builder = reqwest::Client::builder().redirect(same_origin());
    let error = with_token(&first, builder).oneshot(get(&first.url)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::FailedPrecondition);
    assert_eq!((tokens(&first), tokens(&other)), (vec![true, true], vec![]));
}

/// [S38] reqwest alone takes it off at the hop to another port. At the next hop there 0.13.5 puts it on again: that is not
/// asserted, so that it may be mended.
#[tokio::test]
async fn a_redirect_to_another_port_takes_the_token_off() {
    let other = Server::script([to("/again"), Then::status("200 OK")]).await;
    let first = Server::script([to("/again"), to(&other.url)]).await;
    with_token(&first, reqwest::Client::builder()).oneshot(get(&first.url)).await.unwrap();
    assert_eq!(tokens(&first), [true, true], "inside the origin it stays");
    assert_eq!((tokens(&other).len(), tokens(&other)[0]), (2, false));
}

/// [S38] and where only the host changes.
#[tokio::test]
async fn a_redirect_to_another_name_takes_the_token_off() {
    let server = Server::start(Then::handle(|head| async move {
        let at = head.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned();
        match at.strip_prefix("127.0.0.1") {
            Some(port) => http::Response::builder()
                .status(302)
                .header("location", format!("http://localhost{port}/"))
                .body(String::new())
                .unwrap(),
            None => http::Response::new(String::new()),
        }
    }))
    .await;
    // No resolver is asked what that name is.
    let address = server.url["http://".len()..].parse().unwrap();
    let builder = reqwest::Client::builder().resolve("localhost", address);
    with_token(&server, builder).oneshot(get(&server.url)).await.unwrap();
    assert_eq!(tokens(&server), [true, false]);
}

fn to(url: &str) -> Then {
    Then::answer(&format!("HTTP/1.1 302 Found\nLocation: {url}\nContent-Length: 0\n\n"))
}

/// A client that has a token for this server.
fn with_token(server: &Server, builder: reqwest::ClientBuilder) -> BearerService<Client> {
    let token = Bearer::new();
    token.set("mF_9").unwrap();
    BearerLayer::new(&token, &server.url).unwrap().layer(client(builder))
}

/// Which requests to this server had a token.
fn tokens(server: &Server) -> Vec<bool> {
    server.heads().iter().map(|head| sent(head, "authorization").is_some()).collect()
}

/// How a breaker counted five calls, and how each of them ended.
async fn counted<C>(
    classifier: C,
    layer: HttpLayer<reqwest::Request>,
    http: reqwest::ClientBuilder,
    request: impl Fn() -> Request<Body>,
) -> (BreakerStats, Vec<Result<u16, Class>>)
where
    C: Classifier<reqwest::Response, Error> + Clone,
{
    let breaker = Breaker::builder("orders").window(Window::consecutive(5)).build().unwrap();
    let stack = ServiceBuilder::new()
        .layer(BreakerLayer::new(breaker.clone()).classifier(classifier))
        .layer(layer)
        .service(http.no_proxy().build().unwrap());
    let mut ends = Vec::new();
    for _ in 0..5 {
        let outcome = stack.clone().oneshot(request()).await;
        ends.push(outcome.map(|answer| answer.status().as_u16()).map_err(|error| *error.class()));
    }
    assert!(breaker.state().is_closed());
    (breaker.stats(), ends)
}

fn orders() -> HttpLayer<reqwest::Request> {
    HttpLayer::new("orders")
}

fn upload(url: &str) -> Request<Body> {
    let data = http_body_util::Full::new(bytes::Bytes::from_static(b"an upload"));
    Request::put(url).body(Body::streaming(data)).unwrap()
}

/// [S20] A redirect that the client does not follow is neutral, and it is unknown whether it was processed: as an
/// error, through a gateway that passes statuses, and whatever its body says.
#[tokio::test]
async fn an_unfollowed_redirect_is_neutral() {
    const BODY: &str = r#"{"kind":"unavailable","retry":"call"}"#;
    let none = || reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    for status in [300, 301, 302, 303, 304, 305, 307, 308, 399] {
        let server = Server::start(Then::handle(move |_| async move {
            let answer = http::Response::builder().status(status).header("location", "/b");
            let body = if status == 304 { "" } else { BODY };
            answer.header("content-type", "application/problem+json").body(body.to_owned()).unwrap()
        }))
        .await;
        let (stats, ends) = counted(ByKind, orders(), none(), || get(&server.url)).await;
        assert_eq!((stats.neutral, stats.failed, stats.succeeded), (5, 0, 0), "{status}");
        for class in ends.into_iter().map(Result::unwrap_err) {
            assert_eq!((class.kind, class.delivery), (Kind::BadResponse, Delivery::Unknown), "{status}");
            assert!(!class.is_retryable(true));
        }
        let (stats, ends) =
            counted(buttress_http::http_classifier(), orders().pass_bad_statuses(), none(), || {
                get(&server.url)
            })
            .await;
        assert_eq!(ends, [Ok(status); 5]);
        // Without the request in hand a 304 is believed to be what it was asked for.
        let expected = if status == 304 { (0, 0, 5) } else { (5, 0, 0) };
        assert_eq!((stats.neutral, stats.failed, stats.succeeded), expected, "{status}");
    }
}

/// [S20] Reqwest can't follow the redirect of a streamed upload, which it can send only once: neutral as well. So is
/// a redirect without end, and one to where it may not lead.
#[tokio::test]
async fn a_redirect_that_cannot_be_followed_is_neutral() {
    for status in ["307 Temporary Redirect", "308 Permanent Redirect"] {
        let server =
            Server::answers(&format!("HTTP/1.1 {status}\nLocation: /b\nContent-Length: 0\n\n")).await;
        let (stats, ends) =
            counted(ByKind, orders(), reqwest::Client::builder(), || upload(&server.url)).await;
        assert_eq!((stats.neutral, stats.failed, stats.succeeded), (5, 0, 0), "{status}");
        for class in ends.into_iter().map(Result::unwrap_err) {
            assert_eq!((class.kind, class.delivery), (Kind::BadResponse, Delivery::Unknown));
        }
    }
    let forever = Server::start(to("/")).await;
    let elsewhere = Server::start(to("http://127.0.0.1:1/")).await;
    for server in [forever, elsewhere] {
        let http = reqwest::Client::builder().redirect(same_origin());
        let (stats, ends) = counted(ByKind, orders(), http, || get(&server.url)).await;
        assert_eq!((stats.neutral, stats.failed, stats.succeeded), (5, 0, 0));
        for class in ends.into_iter().map(Result::unwrap_err) {
            assert_eq!((class.kind, class.delivery), (Kind::FailedPrecondition, Delivery::Unknown));
        }
    }
}

/// [S20] A 304 to a conditional request and a 101 to one that asks for an upgrade are what was asked for; else they
/// are neutral.
#[tokio::test]
async fn an_answer_that_was_asked_for_is_a_success() {
    let none = || reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    let server = Server::answers("HTTP/1.1 304 Not Modified\nETag: \"7\"\n\n").await;
    for (header, expected) in [("if-none-match", (0, 5)), ("if-modified-since", (0, 5)), ("x-other", (5, 0))]
    {
        let request = || {
            let mut request = get(&server.url);
            request.headers_mut().insert(header, "\"7\"".parse().unwrap());
            request
        };
        let (stats, _) = counted(ByKind, orders(), none(), request).await;
        assert_eq!((stats.neutral, stats.succeeded, stats.failed), (expected.0, expected.1, 0), "{header}");
    }
    // Informational answers come before the real one.
    let server =
        Server::answers("HTTP/1.1 103 Early Hints\nLink: </a>\n\nHTTP/1.1 200 OK\nContent-Length: 0\n\n")
            .await;
    let (stats, ends) = counted(ByKind, orders(), none(), || get(&server.url)).await;
    assert_eq!((ends, stats.succeeded), (vec![Ok(200); 5], 5));
}
