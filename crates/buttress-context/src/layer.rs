use std::fmt;

use tower_layer::Layer;

use crate::{Context, ContextService, SampleRatio, Trace};

/// Gives every call a context: the current one, with a new request id and a new trace if it has none.
///
/// It belongs outermost in a stack. It does not allocate. A new trace is not sampled, unless
/// [`sample_ratio`](Self::sample_ratio) selects it; an existing trace is kept.
///
/// ```
/// use buttress_context::{Context, ContextLayer, SampleRatio};
/// use tower::{Layer, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// async fn is_sampled(_: ()) -> Result<bool, std::io::Error> {
///     Ok(Context::read(|cx| cx.trace().is_some_and(|trace| trace.sampled())))
/// }
///
/// let layer = ContextLayer::new();
/// assert!(!layer.layer(service_fn(is_sampled)).oneshot(()).await?);
///
/// let layer = ContextLayer::new().sample_ratio(SampleRatio::new(1.0)?);
/// assert!(layer.layer(service_fn(is_sampled)).oneshot(()).await?);
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Default)]
#[non_exhaustive]
pub struct ContextLayer {
    sample_ratio: SampleRatio,
    trace_from: Option<fn() -> Option<Trace>>,
}

impl ContextLayer {
    /// Creates a layer that samples none of the traces that it starts.
    #[must_use]
    pub const fn new() -> Self {
        Self { sample_ratio: SampleRatio::NEVER, trace_from: None }
    }

    /// Sets the sampled flag of `ratio` of the traces that start here. Default: none of them.
    ///
    /// Services that follow the decision of their parent record those, below a parent span that appears only in the log.
    #[must_use]
    pub const fn sample_ratio(mut self, ratio: SampleRatio) -> Self {
        self.sample_ratio = ratio;
        self
    }

    /// Takes the trace of a call whose context has none from `find`, such as `Trace::of_current_span` (feature
    /// `opentelemetry`). Where `find` returns `None`, a trace starts. Default: a trace starts.
    #[must_use]
    pub const fn trace_from(mut self, find: fn() -> Option<Trace>) -> Self {
        self.trace_from = Some(find);
        self
    }

    /// Returns the context that the layer would give a call now. For callers that enter it themselves.
    #[must_use]
    pub fn context(&self) -> Context {
        let context = Context::current();
        if context.trace().is_some() {
            return context.with_ids();
        }
        let found = self.trace_from.and_then(|find| find());
        let trace = found.unwrap_or_else(|| Trace::random().sampled_at(self.sample_ratio));
        context.with_trace(trace).with_ids()
    }
}

impl<S> Layer<S> for ContextLayer {
    type Service = ContextService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ContextService::new(inner, *self)
    }
}

impl fmt::Debug for ContextLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContextLayer").field("sample_ratio", &self.sample_ratio).finish_non_exhaustive()
    }
}
