//! `ReplayStrategy`: how a request is copied to be sent again.

use buttress_context::Replay;

/// How a retry layer copies the request for the next attempt, and what it reads from it.
pub trait ReplayStrategy<Req> {
    /// Returns a copy to send again, or `None` if the request can be sent only once.
    fn replay(&self, request: &Req) -> Option<Req>;

    /// Returns `true` if `copy` can still be sent. Called when the attempt before it has failed. Default: `true`.
    fn replayable(&self, copy: &Req) -> bool {
        let _ = copy;
        true
    }

    /// Returns whether the request is safe to be processed twice, or `None` to let the context decide. If the context does
    /// not say either, it is not. Default: `None`.
    fn idempotent(&self, request: &Req) -> Option<bool> {
        let _ = request;
        None
    }

    /// Returns whether `copy` carries a key by which the server recognizes a repeated request, or `None` if the request
    /// type does not say. If it does, a conflict after an attempt of unknown outcome means that the server is still
    /// processing that attempt. Default: `None`.
    fn has_idempotency_key(&self, copy: &Req) -> Option<bool> {
        let _ = copy;
        None
    }
}

/// Copies requests by the trait [`Replay`]. The default.
#[derive(Clone, Copy, Debug, Default)]
pub struct ByTrait;

impl<Req: Replay> ReplayStrategy<Req> for ByTrait {
    fn replay(&self, request: &Req) -> Option<Req> {
        request.replay()
    }

    fn replayable(&self, copy: &Req) -> bool {
        copy.replayable()
    }

    fn idempotent(&self, request: &Req) -> Option<bool> {
        request.idempotent()
    }

    fn has_idempotency_key(&self, copy: &Req) -> Option<bool> {
        copy.has_idempotency_key()
    }
}

/// Copies requests by `Clone`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cloning;

impl<Req: Clone> ReplayStrategy<Req> for Cloning {
    fn replay(&self, request: &Req) -> Option<Req> {
        Some(request.clone())
    }
}

/// Copies requests with a function, such as `reqwest::Request::try_clone`.
#[derive(Clone, Copy, Debug)]
pub struct ReplayWith<F>(pub(super) F);

impl<Req, F: Fn(&Req) -> Option<Req>> ReplayStrategy<Req> for ReplayWith<F> {
    fn replay(&self, request: &Req) -> Option<Req> {
        (self.0)(request)
    }
}
