use tower_layer::Layer;

use crate::ContextService;

/// Gives every call a context: the current one, completed by a new request id and a new trace where it has none.
///
/// Outermost in a stack. Allocates nothing.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct ContextLayer;

impl ContextLayer {
    /// The layer; it has no settings.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl<S> Layer<S> for ContextLayer {
    type Service = ContextService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ContextService::new(inner)
    }
}
