//! `RateLimitStats`: what a limit has counted.

/// The counts of a limit since it was created. Calls that were admitted at once are not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateLimitStats {
    /// Calls that were refused.
    pub refused: u64,
    /// Calls that got permits for a later time.
    pub waited: u64,
    /// How often the limit was drained.
    pub drained: u64,
}
