//! `SampleRatio`: which of the traces that start here are sampled.

use buttress_error::ConfigError;

use super::TraceId;

/// The part of the new traces that are sampled, 0.0 to 1.0. Default: 0.0.
///
/// The trace id decides, so that every service with the same ratio decides alike: as OpenTelemetry's
/// [`TraceIdRatioBased`](https://opentelemetry.io/docs/specs/otel/trace/sdk/#traceidratiobased) sampler does in its Go and
/// Rust implementations (the low eight bytes without their last bit, compared with the ratio of 2⁶³).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SampleRatio {
    /// Of 2⁶³: ids below it are sampled.
    bound: u64,
}

const WHOLE: u64 = 1 << 63;

impl SampleRatio {
    /// Samples no trace.
    pub const NEVER: Self = Self { bound: 0 };

    /// Samples every trace.
    pub const ALWAYS: Self = Self { bound: WHOLE };

    /// Samples `ratio` of all traces.
    ///
    /// # Errors
    /// [`ConfigError`] if `ratio` is not in `0.0..=1.0`.
    pub fn new(ratio: f64) -> Result<Self, ConfigError> {
        if !(0.0..=1.0).contains(&ratio) {
            return Err(ConfigError::new("sample_ratio", "in 0.0..=1.0", ratio));
        }
        Ok(Self { bound: (ratio * WHOLE as f64) as u64 })
    }

    /// Returns `true` if a trace with this id is sampled.
    #[must_use]
    pub const fn samples(self, id: TraceId) -> bool {
        ((id.to_u128() as u64) >> 1) < self.bound
    }
}
