//! How a request is sent again.

use buttress_context::Replay;

/// How a retry layer makes the request for the next attempt.
pub trait ReplayStrategy<Req> {
    /// A copy to send again; none if it can be sent only once.
    fn replay(&self, request: &Req) -> Option<Req>;

    /// Asked of a copy, when the attempt before it has failed: can it still be sent? Default: yes.
    fn replayable(&self, copy: &Req) -> bool {
        let _ = copy;
        true
    }

    /// Is it safe to be processed twice? None: the context decides, and without its word it is not.
    fn idempotent(&self, request: &Req) -> Option<bool> {
        let _ = request;
        None
    }

    /// Asked of a copy: does it carry a key by which the server recognizes it? Then a conflict after an attempt of unknown
    /// outcome means that the server is still at work. `None`, the default, where the request type does not say.
    fn has_idempotency_key(&self, copy: &Req) -> Option<bool> {
        let _ = copy;
        None
    }
}

/// The default: what the request says of itself through [`Replay`].
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

/// Clones the request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cloning;

impl<Req: Clone> ReplayStrategy<Req> for Cloning {
    fn replay(&self, request: &Req) -> Option<Req> {
        Some(request.clone())
    }
}

/// Copies the request with a function, such as `reqwest::Request::try_clone`.
#[derive(Clone, Copy, Debug)]
pub struct ReplayWith<F>(pub(crate) F);

impl<Req, F: Fn(&Req) -> Option<Req>> ReplayStrategy<Req> for ReplayWith<F> {
    fn replay(&self, request: &Req) -> Option<Req> {
        (self.0)(request)
    }
}
