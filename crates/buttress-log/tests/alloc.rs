//! Allocations, counted.

mod kit;

use std::io;

use allocation_counter::measure;
use buttress_context::{Context, RequestId, Trace};
use buttress_error::{Error, Kind};
use buttress_log::{JsonLayer, LogLayer};
use tower::{Layer, Service};
use tracing::{error, info, info_span};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::prelude::*;

/// Allocations of `work` after it has run a few times.
fn allocations(mut work: impl FnMut()) -> u64 {
    (0..3).for_each(|_| work());
    measure(work).count_total
}

fn with_layer(work: impl FnOnce()) {
    tracing::subscriber::with_default(tracing_subscriber::registry().with(JsonLayer::new(io::sink)), work);
}

fn event() {
    info!(customer = 17, amount = 49.99, currency = "EUR", ok = true, id = %"x-1", "payment done");
}

/// An event in no, one and three spans, with a context, hiding a field, allocates nothing.
#[test]
fn events_allocate_nothing() {
    with_layer(|| {
        assert_eq!(allocations(event), 0);
        let cx = Context::current().with_request_id(RequestId::random()).with_trace(Trace::random());
        cx.with_field("tenant", "acme").with_field("amount", 1).run(|| {
            let _a = info_span!("a", order = 1, amount = 2).entered();
            assert_eq!(allocations(event), 0);
            let _b = info_span!("b", step = "pay").entered();
            let _c = info_span!("c", shard = 3).entered();
            assert_eq!(allocations(event), 0);
        });
    });
}

/// An error with its chain allocates nothing.
#[test]
fn errors_allocate_nothing() {
    let reset = io::Error::from(io::ErrorKind::ConnectionReset);
    let error = Error::new(Kind::Timeout, "no answer").caused_by(reset).note("while paying");
    with_layer(|| assert_eq!(allocations(|| error!(error = &error as &dyn std::error::Error, "failed")), 0));
}

/// A span costs at most three: its slot, its text and the places of its keys.
#[test]
fn a_span_allocates_three_times_at_most() {
    with_layer(|| {
        let count = allocations(|| {
            let _span = info_span!("a", order = 1, customer = "ann").entered();
            event();
        });
        assert!(count <= 3, "{count}");
        let _outer = info_span!("outer", tenant = "acme").entered();
        let count = allocations(|| drop(info_span!("a", order = 1, customer = "ann").entered()));
        assert!(count <= 3, "{count}");
    });
}

/// A call that nobody listens to costs nothing; neither does one that is logged.
#[test]
fn calls_allocate_nothing() {
    #[derive(Clone)]
    struct Ready;
    impl Service<u32> for Ready {
        type Response = u32;
        type Error = Error;
        type Future = std::future::Ready<Result<u32, Error>>;
        fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Error>> {
            std::task::Poll::Ready(Ok(()))
        }
        fn call(&mut self, request: u32) -> Self::Future {
            std::future::ready(Ok(request))
        }
    }
    let mut service = LogLayer::new("payments").layer(Ready);
    let mut call = move || {
        let mut future = std::pin::pin!(service.call(1));
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(std::future::Future::poll(future.as_mut(), &mut cx).is_ready());
    };
    assert_eq!(allocations(&mut call), 0);
    let off = tracing_subscriber::registry().with(LevelFilter::OFF).with(JsonLayer::new(io::sink));
    tracing::subscriber::with_default(off, || assert_eq!(allocations(&mut call), 0));
    with_layer(|| assert_eq!(allocations(&mut call), 0));
}
