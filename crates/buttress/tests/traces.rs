//! The `traceparent` of a client's requests.

#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

use std::convert::Infallible;

use buttress::context::{SampleRatio, Trace};
use buttress::{Body, Context, ContextLayer, client};
use http::{Request, Response};
use tower::service_fn;

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// The header of one request of a client with this layer, in this context.
async fn traceparent(layer: ContextLayer, cx: Context) -> String {
    let server = service_fn(|request: Request<Body>| async move {
        let sent = request.headers()["traceparent"].to_str().unwrap().to_owned();
        Ok::<_, Infallible>(Response::builder().header("seen", sent).body(Body::empty()).unwrap())
    });
    let client = client("payments").context(layer).service(server).unwrap();
    let request = Request::get("http://payments.internal/orders/7").body("").unwrap();
    let reply = cx.scope(client.send(request)).await.unwrap();
    reply.headers()["seen"].to_str().unwrap().to_owned()
}

/// Every request carried flags `03` and a parent that nobody exports: parent-based samplers recorded all of it.
#[tokio::test]
async fn a_trace_that_starts_at_a_client_is_not_sampled() {
    let sent = traceparent(ContextLayer::new(), Context::default()).await;
    assert_eq!(&sent[52..], "-02", "{sent}");
    let trace = Trace::parse(&sent).unwrap();
    assert!(!trace.sampled() && trace.is_random());
}

/// [S41] a sampled parent's decision goes out, an unsampled one's too, with a span of the client's own.
#[tokio::test]
async fn a_client_follows_the_decision_of_a_parent() {
    for flags in ["00", "01", "02", "03"] {
        let parent = format!("{}{flags}", &PARENT[..53]);
        let cx = Context::default().with_trace(Trace::parse(&parent).unwrap());
        let always = ContextLayer::new().sample_ratio(SampleRatio::ALWAYS);
        let sent = traceparent(always, cx).await;
        assert_eq!((&sent[..36], &sent[53..]), (&PARENT[..36], flags), "{sent}");
        assert_ne!(&sent[36..52], &PARENT[36..52], "{sent}");
    }
}

#[tokio::test]
async fn a_client_samples_by_ratio_and_takes_a_trace_from_a_tracer() {
    let always = ContextLayer::new().sample_ratio(SampleRatio::ALWAYS);
    let sent = traceparent(always, Context::default()).await;
    assert_eq!(&sent[52..], "-03", "{sent}");
    let of_tracer = ContextLayer::new().trace_from(|| Trace::parse(PARENT).ok());
    let sent = traceparent(of_tracer, Context::default()).await;
    assert_eq!((&sent[..36], &sent[52..]), (&PARENT[..36], "-01"), "{sent}");
}

/// The span that a tracer exports is the parent itself.
#[cfg(feature = "opentelemetry")]
#[tokio::test]
async fn a_client_names_the_span_of_a_tracer_as_parent() {
    use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};

    let (trace_id, span_id) = (TraceId::from(7), SpanId::from(9));
    let span = SpanContext::new(trace_id, span_id, TraceFlags::SAMPLED, false, TraceState::NONE);
    let _current = opentelemetry::Context::new().with_remote_span_context(span).attach();
    let sent = traceparent(ContextLayer::new().trace_from(Trace::of_current_span), Context::default()).await;
    assert_eq!(sent, "00-00000000000000000000000000000007-0000000000000009-01");
}
