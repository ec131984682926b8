//! Allocations, counted.

mod kit;

use std::io;
use std::time::Duration;

use allocation_counter::measure;
use buttress_context::{Context, RequestId, Trace};
use buttress_error::{Error, Kind};
use buttress_log::{JsonLayer, LogLayer, Queue, Sampling, Schema};
use tower::{Layer, Service};
use tracing::field::Empty;
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

/// An event through a queue allocates nothing once the queue has held as many lines before.
#[test]
fn queued_events_allocate_nothing() {
    let (writer, guard) = Queue::new().writer(io::sink()).unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(JsonLayer::new(writer)), || {
        // Two buffers take turns.
        for _ in 0..6 {
            (0..200).for_each(|_| event());
            guard.flush(Duration::from_secs(60)).unwrap();
        }
        assert_eq!(measure(|| (0..20).for_each(|_| event())).count_total, 0);
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

/// An event allocates nothing in any number of spans, also where its fields and those of the spans share names.
#[test]
fn events_in_many_spans_allocate_nothing() {
    with_layer(|| {
        let mut spans = Vec::new();
        for depth in 0..12 {
            spans.push(info_span!("s", depth, order = depth, job = "nightly", customer = depth).entered());
            assert_eq!(allocations(event), 0, "{depth}");
        }
        while spans.pop().is_some() {}
    });
}

/// A late record allocates at most once: when the text of its span outgrows the buffer. The next event in an inner span copies
/// the field, and allocates at most once for each span whose text outgrows its buffer.
#[test]
fn a_late_record_allocates_once_at_most() {
    let late_records = || {
        let outer = info_span!("outer", tenant = "acme", status = Empty, note = Empty).entered();
        let _inner = info_span!("inner", order = 1).entered();
        let _innermost = info_span!("innermost", step = "pay").entered();
        event();
        let long = "x".repeat(1_000);
        let counts = [
            measure(|| {
                outer.record("status", 200);
            }),
            measure(event),
            measure(|| {
                outer.record("note", &*long);
            }),
            measure(event),
            measure(|| {
                outer.record("status", 404);
            }),
            measure(event),
        ];
        counts.map(|count| count.count_total)
    };
    with_layer(|| {
        late_records(); // The buffers of the thread grow.
        let [status, event, note, event_after_note, again, event_again] = late_records();
        // A span has room for short values of the fields that it declares.
        assert_eq!((status, event), (0, 0));
        assert!(note <= 1 && event_after_note <= 2, "{note} {event_after_note}");
        assert_eq!((again, event_again), (0, 0));
    });
}

/// A call without a subscriber does not allocate; neither does one that is logged.
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

/// [S34] An event of 0 to 20 fields in 0 to 5 spans allocates nothing, through each schema.
#[test]
fn events_of_any_size_allocate_nothing() {
    let events: [fn(); 6] = [
        || info!("none"),
        || info!(a = 1, "one"),
        || info!(a = 1, b = "two", "two"),
        || info!(a = 1, b = "two", c = 3.5, d = true, e = %"five", "five"),
        || info!(a = 1, b = "two", c = 3.5, d = true, e = %"five", f = 6, g = 7, h = 8, i = 9, j = ?"ten", "ten"),
        || {
            info!(
                a = 1, b = "two", c = 3.5, d = true, e = %"five", f = 6, g = 7, h = 8, i = 9, j = ?"ten", k = 11, l = 12,
                m = 13, n = 14, o = 15, p = 16, q = 17, r = 18, s = 19, t = "twenty", "twenty"
            );
        },
    ];
    for schema in [
        Schema::Native,
        Schema::Simple,
        Schema::Ecs,
        Schema::Gcp { project: None },
        Schema::Datadog,
        Schema::Otel,
    ] {
        let layer = JsonLayer::new(schema.clone().writer(io::sink));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let mut spans = Vec::new();
            for depth in 0..=5 {
                for (index, event) in events.iter().enumerate() {
                    assert_eq!(allocations(event), 0, "{schema:?}, {depth} spans, event {index}");
                }
                spans.push(info_span!("s", depth, u = depth, a = depth, "x.y" = "span").entered());
            }
            while spans.pop().is_some() {}
        });
    }
}

/// Sampling allocates nothing per event, whether it logs it or not, also with a key; neither does a limit of bytes.
#[test]
fn sampling_allocates_nothing() {
    let sampling = Sampling::new(std::time::Duration::from_secs(3_600), 2, 3).key("customer");
    let layer = JsonLayer::new(io::sink)
        .sampling(sampling)
        .bytes_per_second(std::num::NonZeroU64::new(2_000).unwrap());
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        assert_eq!(allocations(|| (0..20).for_each(|_| event())), 0);
    });
}

/// A record in a buffered call allocates nothing once the buffer has grown. The buffer itself costs a few allocations per call.
#[test]
fn a_buffered_call_allocates_little() {
    let buffered = |records: u32| {
        let mut service =
            LogLayer::new("payments").buffer_debug(1 << 16).layer(tower::service_fn(move |(): ()| {
                (0..records).for_each(|_| tracing::debug!(customer = 17, "paying"));
                std::future::ready(Ok::<_, Error>(()))
            }));
        move || {
            let mut future = std::pin::pin!(service.call(()));
            let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
            assert!(std::future::Future::poll(future.as_mut(), &mut cx).is_ready());
        }
    };
    with_layer(|| {
        let (none, many) = (allocations(buffered(0)), allocations(buffered(200)));
        assert!(none <= 8, "{none}");
        assert!(many <= none + 20, "{many}: the two lists grow by doubling");
    });
}
