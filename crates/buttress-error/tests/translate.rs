//! `TranslateLayer`: the contract of tower, and what it makes of errors.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io;
use std::task::{Context, Poll};

use buttress_error::{BoxError, Error, Kind, TranslateLayer, check};
use buttress_test::{Step, Strict, TestError, conform};
use tower::{Layer, Service, ServiceExt, service_fn};

#[tokio::test(start_paused = true)]
async fn with_conforms() {
    let layer = TranslateLayer::with(|error: TestError| error);
    conform(|inner| layer.layer(inner)).run().await;
}

#[tokio::test(start_paused = true)]
async fn new_conforms() {
    let layer = TranslateLayer::new("kit");
    let back = |error: Error| error.find::<TestError>().expect("the error of the kit is inside").clone();
    conform(|inner| layer.layer(inner).map_err(back)).run().await;
}

async fn refuse(_: ()) -> Result<(), io::Error> {
    Err(io::ErrorKind::ConnectionRefused.into())
}

#[tokio::test]
async fn it_names_the_domain_and_no_line_of_its_own() {
    let error = TranslateLayer::new("db").layer(service_fn(refuse)).oneshot(()).await.unwrap_err();
    assert_eq!((error.kind(), error.domain()), (Kind::Unavailable, Some("db")));
    assert_eq!(error.to_string(), "db: connection refused");
    assert!(error.find::<io::Error>().is_some());
    assert!(error.location().is_none());
}

/// An error that a handler made keeps everything, the line included; the outermost layer names the domain.
#[tokio::test]
async fn an_error_of_ours_passes_as_it_is() {
    async fn handler(_: ()) -> Result<(), BoxError> {
        Err(Error::new(Kind::Aborted, "conflict").with_domain("inner").note("row 7").into())
    }
    let error = TranslateLayer::new("orders").layer(service_fn(handler)).oneshot(()).await.unwrap_err();
    assert_eq!((error.kind(), error.domain()), (Kind::Aborted, Some("orders")));
    assert_eq!(error.notes().collect::<Vec<_>>(), ["row 7"]);
    assert_eq!(error.location().map(std::panic::Location::line), Some(line!() - 5));
}

/// At the bottom of a server stack the inner service can't fail: the layer only gives it a type.
#[tokio::test]
async fn infallible_gets_an_error_type() {
    async fn answer(n: u32) -> Result<u32, Infallible> {
        Ok(n)
    }
    let service = TranslateLayer::new("orders").layer(service_fn(answer));
    check::<u32, _>(&service);
    let answer: Result<u32, Error> = service.oneshot(7).await;
    assert_eq!(answer.unwrap(), 7);
}

/// Never ready.
#[derive(Clone)]
struct Down;

impl Service<()> for Down {
    type Response = ();
    type Error = io::Error;
    type Future = Ready<Result<(), io::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        Poll::Ready(Err(io::ErrorKind::NotConnected.into()))
    }

    fn call(&mut self, (): ()) -> Self::Future {
        ready(Ok(()))
    }
}

#[tokio::test]
async fn an_error_of_poll_ready_is_translated_too() {
    let mut service = TranslateLayer::new("db").layer(Down);
    let error = service.ready().await.map(|_| ()).unwrap_err();
    assert_eq!((error.kind(), error.domain()), (Kind::Unavailable, Some("db")));
}

#[tokio::test(start_paused = true)]
async fn the_inner_service_can_be_reached() {
    let mut service = TranslateLayer::new("kit").layer(Strict::new().then(Step::fail(Kind::NotFound)));
    assert_eq!(service.get_mut().calls(), 0);
    let _ = service.ready().await.unwrap().call(1).await.unwrap_err();
    assert_eq!(service.get_ref().calls(), 1);
    assert_eq!(service.into_inner().calls(), 1);
}

#[tokio::test]
async fn with_takes_a_variant_a_path_or_a_closure() {
    #[derive(Debug, thiserror::Error)]
    enum App {
        #[error(transparent)]
        Io(#[from] io::Error),
    }
    let path = TranslateLayer::with(App::Io).layer(service_fn(refuse));
    let from = TranslateLayer::with(App::from).layer(service_fn(refuse));
    #[allow(clippy::redundant_closure)]
    let closure = TranslateLayer::with(|error| App::Io(error)).layer(service_fn(refuse));
    let method = TranslateLayer::with(|error: io::Error| error.kind()).layer(service_fn(refuse));
    for error in [path.oneshot(()).await, from.oneshot(()).await, closure.oneshot(()).await] {
        assert!(matches!(error, Err(App::Io(_))));
    }
    assert_eq!(method.oneshot(()).await.unwrap_err(), io::ErrorKind::ConnectionRefused);
}
