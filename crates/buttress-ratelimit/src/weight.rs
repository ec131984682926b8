//! How many permits a request takes.

use std::fmt;

/// Returns the weight of a request.
pub trait Weigh<Req> {
    /// Returns the number of permits.
    fn weigh(&self, request: &Req) -> u32;
}

/// Every request takes one permit.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct OnePermit;

impl<Req> Weigh<Req> for OnePermit {
    fn weigh(&self, _: &Req) -> u32 {
        1
    }
}

/// A closure decides; see [`RateLimitLayer::weighed_by`](crate::RateLimitLayer::weighed_by).
#[derive(Clone)]
pub struct ByWeight<F>(pub(crate) F);

impl<Req, F: Fn(&Req) -> u32> Weigh<Req> for ByWeight<F> {
    fn weigh(&self, request: &Req) -> u32 {
        (self.0)(request)
    }
}

impl<F> fmt::Debug for ByWeight<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ByWeight")
    }
}
