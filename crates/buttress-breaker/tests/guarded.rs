//! Calls whose error type cannot hold a rejection, and those of an `io::Error`, which can.

#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

use std::future::{Future, pending, ready};
use std::io;
use std::net::TcpStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use buttress_breaker::{Breaker, BreakerLayer};
use buttress_error::{BoxError, ByResult, Error, Guarded, Kind, Rejection, RejectionReason, Verdict};
use tokio::time::advance;
use tower::{Layer, Service, ServiceExt, service_fn};

fn breaker() -> Breaker {
    Breaker::builder("cache").consecutive_failures(2).build().unwrap()
}

/// An address without a listener.
fn closed_port() -> std::net::SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// This did not compile: `io::Error: From<Rejection>` was missing.
#[test]
fn call_blocking_takes_a_tcp_stream() {
    let (cache, address) = (breaker(), closed_port());
    for _ in 0..2 {
        let error = cache.call_blocking(|| TcpStream::connect(address)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }
    let error = cache.call_blocking(|| TcpStream::connect(address)).unwrap_err();
    let rejection = error.get_ref().and_then(|inner| inner.downcast_ref::<Rejection>()).unwrap();
    assert_eq!(
        (error.kind(), rejection.reason()),
        (io::ErrorKind::ResourceBusy, RejectionReason::CircuitOpen)
    );

    // Seen by another breaker, that is a rejection, and no failure.
    let outer = breaker();
    for _ in 0..5 {
        let _ = outer.call_blocking(|| cache.call_blocking(|| TcpStream::connect(address)));
    }
    assert!(outer.state().is_closed());
    assert_eq!((outer.stats().failed, outer.stats().neutral), (0, 5));
}

#[tokio::test]
async fn call_and_the_layer_take_an_io_error() {
    async fn read(_: ()) -> io::Result<()> {
        Err(io::ErrorKind::ConnectionRefused.into())
    }
    let cache = breaker();
    for _ in 0..2 {
        assert!(cache.call(|| read(())).await.is_err());
    }
    assert_eq!(cache.call(|| read(())).await.unwrap_err().kind(), io::ErrorKind::ResourceBusy);
    let service = BreakerLayer::new(&cache).layer(service_fn(read));
    assert_eq!(service.oneshot(()).await.unwrap_err().kind(), io::ErrorKind::ResourceBusy);
}

/// Every form, with an error type that is no error at all.
#[tokio::test]
async fn any_error_type_is_guarded() {
    for form in 0..3 {
        let cache = breaker();
        let layer = BreakerLayer::new(&cache).classifier(ByResult).guarded();
        let mut service = layer.layer(service_fn(|()| ready(Err::<u8, _>("down".to_owned()))));
        let mut outcomes = Vec::new();
        for _ in 0..3 {
            let guarded = cache.guarded().classifier(ByResult);
            outcomes.push(match form {
                0 => guarded.call(|| ready(Err("down".to_owned()))).await,
                1 => guarded.call_blocking(|| Err("down".to_owned())),
                _ => service.ready().await.unwrap().call(()).await,
            });
        }
        assert_eq!(cache.stats().failed, 2, "form {form}");
        let [Err(Guarded::Inner(first)), Err(Guarded::Inner(_)), Err(Guarded::Rejected(rejection))] =
            &outcomes[..]
        else {
            panic!("form {form}: {outcomes:?}");
        };
        assert_eq!(
            (first.as_str(), rejection.reason()),
            ("down", RejectionReason::CircuitOpen),
            "form {form}"
        );
        assert_eq!(rejection.cause().map(|cause| cause.kind), Some(Kind::Unknown), "form {form}");
    }
    let unit = breaker().guarded().classifier(ByResult).call_blocking(|| Err::<(), ()>(()));
    assert!(matches!(unit, Err(Guarded::Inner(()))));
    assert_eq!(breaker().guarded().classifier(ByResult).call_blocking(|| Ok::<_, ()>(7)).unwrap(), 7);
}

/// Where the error has a class, that decides.
#[tokio::test]
async fn a_class_decides() {
    let cache = breaker();
    for _ in 0..5 {
        let missing = || Err::<(), _>(io::Error::from(io::ErrorKind::NotFound));
        assert!(cache.guarded().call_blocking(missing).is_err());
        assert!(cache.guarded().call(|| ready(missing())).await.is_err());
        let service = BreakerLayer::new(&cache).guarded().layer(service_fn(|()| ready(missing())));
        assert!(service.oneshot(()).await.is_err());
    }
    assert_eq!((cache.stats().failed, cache.state().is_closed()), (0, true));
    let down = || Err::<(), BoxError>(Box::new(Error::new(Kind::Unavailable, "down")));
    let _ = cache.guarded().call_blocking(down);
    let _ = cache.guarded().call(|| ready(down())).await;
    assert!(cache.state().is_open());
}

/// A classifier sees an `Ok`, too.
#[tokio::test]
async fn a_classifier_judges_a_success() {
    let cache = breaker();
    let judge = |outcome: &Result<u16, ()>| match outcome {
        Ok(503) => Verdict::failure(Kind::Unavailable),
        _ => Verdict::success(),
    };
    assert_eq!(cache.guarded().classify_with(judge).call_blocking(|| Ok(503)).unwrap(), 503);
    assert_eq!(cache.guarded().classify_with(judge).call(|| ready(Ok(503))).await.unwrap(), 503);
    assert!(cache.state().is_open());
}

/// A call that is dropped or panics is counted as in the other forms, and leaves nothing in flight.
#[tokio::test(start_paused = true)]
async fn a_guarded_call_ends_however_it_ends() {
    let cache = Breaker::builder("cache").consecutive_failures(100).build().unwrap();
    let hang = || pending::<Result<(), io::Error>>();
    let mut call = Box::pin(cache.guarded().call(hang));
    assert!(poll(call.as_mut()).is_pending());
    assert_eq!(cache.stats().in_flight(), 1);
    drop(call);
    assert_eq!((cache.stats().in_flight(), cache.stats().abandoned, cache.stats().failed), (0, 1, 0));

    let mut call = Box::pin(cache.guarded().call(hang));
    assert!(poll(call.as_mut()).is_pending());
    advance(Duration::from_secs(3_600)).await;
    drop(call);
    assert_eq!((cache.stats().in_flight(), cache.stats().failed), (0, 1), "waited for long enough");

    let boom = || -> Result<(), io::Error> { panic!("boom") };
    assert!(catch_unwind(AssertUnwindSafe(|| cache.guarded().call_blocking(boom))).is_err());
    let mut in_make = Box::pin(cache.guarded().call(|| ready(boom())));
    assert!(catch_unwind(AssertUnwindSafe(|| poll(in_make.as_mut()))).is_err());
    let mut in_poll = Box::pin(cache.guarded().call(|| async { boom() }));
    assert!(catch_unwind(AssertUnwindSafe(|| poll(in_poll.as_mut()))).is_err());
    assert_eq!((cache.stats().in_flight(), cache.stats().failed), (0, 4));
    assert!(format!("{:?}", cache.guarded()).contains("cache"));
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// It can be spawned.
#[test]
fn a_guarded_call_is_send() {
    fn is_send(_: impl Send) {}
    let cache = breaker();
    is_send(cache.guarded().classifier(ByResult).call(|| ready(Err::<(), _>("down"))));
}
