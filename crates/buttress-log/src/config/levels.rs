//! `ProgramLevels`: the filter of the whole program.

use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use crate::config::target_levels::TargetLevels;

/// Enables what at least one sink writes.
#[derive(Clone, Debug)]
pub(super) struct ProgramLevels(Vec<TargetLevels>);

impl ProgramLevels {
    /// Creates a filter of those of the sinks.
    pub(super) const fn new(sinks: Vec<TargetLevels>) -> Self {
        Self(sinks)
    }

    fn enables(&self, metadata: &Metadata<'_>) -> bool {
        self.0.iter().any(|levels| levels.enables(metadata.target(), *metadata.level()))
    }
}

impl<S: Subscriber> Layer<S> for ProgramLevels {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.enables(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        self.enables(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        self.0.iter().map(TargetLevels::max_level).max()
    }
}
