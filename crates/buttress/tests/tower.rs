//! The errors of tower's own layers in a stack: what the default features make of them.
#![allow(clippy::unwrap_used)] // helpers of tests are tests

use std::future::pending;
use std::time::Duration;

use buttress::{BoxError, BreakerLayer, Kind, TranslateLayer};
use tower::load_shed::error::Overloaded;
use tower::{ServiceBuilder, ServiceExt, service_fn};

/// [S7] A shed load is a refusal: 50 of them open no circuit.
#[tokio::test]
async fn overloaded_opens_no_circuit() {
    let layer = BreakerLayer::new("payments");
    let breaker = layer.breaker().clone();
    let shed = service_fn(|_: u32| async { Err::<u32, BoxError>(Overloaded::new().into()) });
    let client = ServiceBuilder::new().layer(layer).layer(TranslateLayer::new("payments")).service(shed);
    for _ in 0..50 {
        assert_eq!(client.clone().oneshot(7).await.unwrap_err().kind(), Kind::Rejected);
    }
    assert!(breaker.state().is_closed(), "{:?}", breaker.stats());
}

/// a timeout of tower's is one of ours.
#[tokio::test(start_paused = true)]
async fn elapsed_is_a_timeout() {
    let hang = service_fn(|_: u32| pending::<Result<u32, BoxError>>());
    let layers = ServiceBuilder::new().layer(TranslateLayer::new("payments")).timeout(Duration::from_secs(1));
    assert_eq!(layers.service(hang).oneshot(7).await.unwrap_err().kind(), Kind::Timeout);
}
