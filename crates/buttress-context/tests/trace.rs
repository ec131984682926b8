//! Traces that come from elsewhere, and which of the new ones are sampled.

#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

use std::collections::HashSet;

use buttress_context::{Context, ContextLayer, InvalidTrace, SampleRatio, Trace};
use proptest::prelude::*;
use tower::{Layer, ServiceExt, service_fn};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

async fn trace_in(layer: ContextLayer, cx: Context) -> Trace {
    let service = layer.layer(service_fn(|()| async { Ok::<_, ()>(Context::current().trace().copied()) }));
    cx.scope(service.oneshot(())).await.unwrap().unwrap()
}

/// It was sampled, and its parent exported by nobody: parent-based samplers downstream recorded every call.
#[tokio::test]
async fn without_a_sampled_parent_nothing_is_sampled() {
    assert!(!Trace::random().sampled());
    assert!(!Trace::random().child().sampled());
    assert!(!Context::default().with_ids().trace().unwrap().sampled());
    let trace = trace_in(ContextLayer::new(), Context::default()).await;
    assert!(!trace.sampled() && trace.is_random());
    assert_eq!(&trace.outgoing().to_string()[52..], "-02");

    let unsampled = Trace::parse(&PARENT.replace("-01", "-00")).unwrap();
    let always = ContextLayer::new().sample_ratio(SampleRatio::ALWAYS);
    let trace = trace_in(always, Context::default().with_trace(unsampled)).await;
    assert_eq!(trace, unsampled, "the decision of a parent stays");
}

/// A sampled parent's decision goes on; what goes out is a span of its own.
#[tokio::test]
async fn a_sampled_parent_is_followed() {
    let parent = Trace::parse(PARENT).unwrap();
    let trace = trace_in(ContextLayer::new(), Context::default().with_trace(parent)).await;
    assert_eq!(trace, parent);
    let outgoing = trace.outgoing().to_string();
    assert_eq!((&outgoing[..36], &outgoing[52..]), (&PARENT[..36], "-01"), "{outgoing}");
    assert_ne!(&outgoing[36..52], &PARENT[36..52]);
}

/// The random flag is set only for ids that are known to be random: our own, and those whose maker says so.
#[test]
fn the_random_flag_is_earned() {
    assert!(Trace::random().is_random() && Trace::random().child().is_random());
    for (flags, random) in [(0, false), (1, false), (2, true), (3, true), (0xfd, false), (0xff, true)] {
        let trace = Trace::from_ids(7, 9, flags).unwrap();
        assert_eq!((trace.is_random(), trace.child().is_random()), (random, random), "{flags:02x}");
        assert_eq!(trace.to_string()[53..], format!("{:02x}", flags & 3), "only the known bits");
    }
    let later = Trace::parse("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03").unwrap();
    assert!(later.sampled() && !later.is_random(), "that bit may mean anything in another version");
}

/// [S40] A traceparent that the specification refuses is refused.
#[test]
fn a_header_is_read_strictly() {
    assert_eq!(Trace::parse(PARENT).unwrap().to_string(), PARENT);
    assert_eq!(PARENT.parse(), Trace::parse(PARENT));
    assert_eq!(Trace::parse(&format!("\t {PARENT} \t")), Trace::parse(PARENT));
    for more in ["", "-", "-what-the-future-will-be-like"] {
        let later = format!("{}{more}", PARENT.replacen("00", "cc", 1));
        assert_eq!(Trace::parse(&later), Trace::parse(PARENT), "{later}");
    }
    let bad = [
        "",
        "00",
        &PARENT[..54],
        &format!("{PARENT}0"),
        &format!("{PARENT}-"),
        &format!("{PARENT}\n"),
        &format!("{PARENT},{PARENT}"),
        &PARENT.to_uppercase(),
        &PARENT.replacen("00", "ff", 1),
        &PARENT.replacen("00", "0.", 1),
        &PARENT.replacen("00-", "00_", 1),
        &PARENT.replace("-00f0", "_00f0"),
        &PARENT.replace("-01", "_01"),
        &PARENT.replace("-01", "-+1"),
        &PARENT.replace("4bf9", "4b 9"),
        &PARENT.replace("4bf9", "4bä"),
        &format!("{}.", PARENT.replacen("00", "cc", 1)),
    ];
    for bad in bad {
        assert_eq!(Trace::parse(bad), Err(InvalidTrace::Format), "{bad:?}");
    }
}

/// Zero means "invalid" in the specification.
#[test]
fn zero_ids_are_refused() {
    assert_eq!(Trace::from_ids(0, 9, 1), Err(InvalidTrace::ZeroTraceId));
    assert_eq!(Trace::from_ids(7, 0, 1), Err(InvalidTrace::ZeroSpanId));
    assert_eq!(Trace::from_ids(0, 0, 1), Err(InvalidTrace::ZeroTraceId));
    let zero_trace = format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32));
    let zero_span = format!("00-4bf92f3577b34da6a3ce929d0e0e4736-{}-01", "0".repeat(16));
    assert_eq!(Trace::parse(&zero_trace), Err(InvalidTrace::ZeroTraceId));
    assert_eq!(Trace::parse(&zero_span), Err(InvalidTrace::ZeroSpanId));
    let texts =
        [InvalidTrace::Format, InvalidTrace::ZeroTraceId, InvalidTrace::ZeroSpanId].map(|e| e.to_string());
    assert_eq!(texts.iter().collect::<HashSet<_>>().len(), 3);
    assert!(
        texts[0].contains("traceparent") && texts[1].contains("trace id") && texts[2].contains("span id")
    );
}

#[test]
fn a_ratio_has_a_range() {
    for bad in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
        let error = SampleRatio::new(bad).unwrap_err();
        assert_eq!((error.setting(), error.range()), ("sample_ratio", "in 0.0..=1.0"));
    }
    assert_eq!(SampleRatio::new(0.0), Ok(SampleRatio::NEVER));
    assert_eq!(SampleRatio::new(1.0), Ok(SampleRatio::ALWAYS));
    assert_eq!(SampleRatio::default(), SampleRatio::NEVER);
}

/// By the low eight bytes of the trace id without their last bit, as the `TraceIdRatioBased` samplers of OpenTelemetry
/// for Go and Rust.
#[test]
fn the_trace_id_decides() {
    let half = SampleRatio::new(0.5).unwrap();
    for (low, sampled) in [(0, true), (1, true), ((1 << 63) - 1, true), (1 << 63, false), (u64::MAX, false)] {
        for high in [0, 1, u64::MAX] {
            if let Ok(trace) = Trace::from_ids(u128::from(high) << 64 | u128::from(low), 9, 1) {
                assert_eq!(half.samples(trace.trace_id()), sampled, "{trace}");
                assert_eq!(trace.sampled_at(half).sampled(), sampled, "{trace}");
                assert!(
                    SampleRatio::ALWAYS.samples(trace.trace_id())
                        && !SampleRatio::NEVER.samples(trace.trace_id())
                );
            }
        }
    }
    let sampled =
        (0..10_000).filter(|_| Trace::random().sampled_at(SampleRatio::new(0.1).unwrap()).sampled());
    let count = sampled.count();
    // Six standard deviations.
    assert!((820..=1_180).contains(&count), "{count} of 10000 at a ratio of 0.1");
}

#[tokio::test]
async fn the_layer_samples_new_traces_by_ratio() {
    let half = SampleRatio::new(0.5).unwrap();
    let layer = ContextLayer::new().sample_ratio(half);
    let mut seen = HashSet::new();
    for _ in 0..100 {
        let trace = trace_in(layer, Context::default()).await;
        assert_eq!(trace.sampled(), half.samples(trace.trace_id()));
        seen.insert(trace.sampled());
    }
    assert_eq!(seen.len(), 2);
}

/// The hook is asked only where the context has no trace, and its answer is taken as it is.
#[tokio::test]
async fn the_layer_finds_a_trace() {
    let layer = ContextLayer::new().sample_ratio(SampleRatio::ALWAYS);
    let found = || Trace::from_ids(7, 9, 0).ok();
    assert_eq!(Some(trace_in(layer.trace_from(found), Context::default()).await), found());
    let parent = Trace::parse(PARENT).unwrap();
    let cx = Context::default().with_trace(parent);
    assert_eq!(trace_in(layer.trace_from(found), cx).await, parent);
    assert!(trace_in(layer.trace_from(|| None), Context::default()).await.sampled(), "a new one");
}

proptest! {
    /// What is written is read as it was.
    #[test]
    fn a_trace_survives_its_header(trace_id in 1_u128.., span_id in 1_u64.., flags in 0_u8..4) {
        let trace = Trace::from_ids(trace_id, span_id, flags).unwrap();
        prop_assert_eq!(trace.to_string().parse(), Ok(trace));
        prop_assert_eq!(trace.trace_id().to_u128(), trace_id);
        prop_assert_eq!(trace.span_id().to_u64(), span_id);
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,80}") {
        let _ = Trace::parse(&text);
    }
}

#[cfg(feature = "opentelemetry")]
mod opentelemetry {
    use ::opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};

    use super::*;

    fn span(trace_id: u128, span_id: u64, flags: u8, is_remote: bool) -> SpanContext {
        let (trace_id, span_id) = (TraceId::from(trace_id), SpanId::from(span_id));
        SpanContext::new(trace_id, span_id, TraceFlags::new(flags), is_remote, TraceState::NONE)
    }

    /// The parent that an outgoing request names is the span that the tracer exports.
    #[test]
    fn a_span_of_a_tracer_is_the_parent() {
        let trace = Trace::from_span_context(&span(7, 9, 1, false)).unwrap();
        assert_eq!((trace.trace_id().to_u128(), trace.span_id().to_u64(), trace.sampled()), (7, 9, true));
        assert_eq!(trace.outgoing(), trace);
        assert_ne!(trace.child().outgoing().span_id(), trace.span_id(), "a child is nobody's");
        assert!(!Trace::from_span_context(&span(7, 9, 0, false)).unwrap().sampled());
    }

    #[test]
    fn a_remote_span_is_no_span_of_ours() {
        let trace = Trace::from_span_context(&span(7, 9, 1, true)).unwrap();
        assert_eq!(Ok(trace), Trace::from_ids(7, 9, 1));
        assert_ne!(trace.outgoing().span_id(), trace.span_id());
    }

    #[test]
    fn an_invalid_span_is_refused() {
        assert_eq!(Trace::from_span_context(&SpanContext::NONE), Err(InvalidTrace::ZeroTraceId));
        assert_eq!(Trace::from_span_context(&span(7, 0, 1, false)), Err(InvalidTrace::ZeroSpanId));
    }

    #[tokio::test]
    async fn the_layer_takes_the_current_span() {
        let layer = ContextLayer::new().trace_from(Trace::of_current_span);
        assert!(!trace_in(layer, Context::default()).await.sampled(), "no span, a trace of its own");
        let current = ::opentelemetry::Context::new().with_remote_span_context(span(7, 9, 1, false));
        let guard = current.attach();
        assert_eq!(Trace::of_current_span(), Trace::from_span_context(&span(7, 9, 1, false)).ok());
        let trace = trace_in(layer, Context::default()).await;
        drop(guard);
        assert_eq!((trace.span_id().to_u64(), trace.sampled()), (9, true));
        assert_eq!(Trace::of_current_span(), None);
    }
}
