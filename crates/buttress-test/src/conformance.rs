//! The one-line entry to the kit.

use tower_service::Service;

use crate::{Strict, TestError, checks};

/// Checks what a layer owes to tower; `layer` puts it over the inner service that it is given.
///
/// The layer under test needs limits well above [`HOLD`](crate::HOLD), and must stand three panics and a dozen of
/// cancelled calls without refusing. Services for other request types fit with `map_request` and `map_response`
/// around.
pub const fn conform<L, S>(layer: L) -> Conformance<L, fn()>
where
    L: Fn(Strict) -> S,
    S: Service<u32, Response = u32, Error = TestError> + Clone + Send,
    S::Future: Send,
{
    Conformance { layer, at_rest: || {} }
}

/// The checks, about to run. See [`conform`].
#[derive(Clone, Copy, Debug)]
#[must_use = "call `run`"]
pub struct Conformance<L, R> {
    layer: L,
    at_rest: R,
}

impl<L, R> Conformance<L, R> {
    /// Checks that nothing is under way: no permit taken, no slot lost. It runs after each cancelled, failed or
    /// panicked call, and should panic where something was not given back.
    pub fn at_rest<A: Fn()>(self, at_rest: A) -> Conformance<L, A> {
        Conformance { layer: self.layer, at_rest }
    }

    /// Runs all checks.
    ///
    /// * Readiness: the instance that was made ready is called; a clone is not ready; `layer` may be called again and
    ///   again; the inner service's wait is waited for without a loop; its error passes.
    /// * Polls: a pending inner future is polled when woken, and only then.
    /// * Cancellation: the call is dropped before its first poll and after each of its polls.
    /// * Panics: of the inner `call` and future, they pass unchanged, and nothing stays reserved even if the future
    ///   is kept.
    ///
    /// That futures are `Send` where the inner ones are is checked by the compiler.
    ///
    /// # Panics
    /// Where the layer breaks the contract, with the rule in words; or if tokio's clock is not paused.
    pub async fn run<S>(self)
    where
        L: Fn(Strict) -> S,
        R: Fn(),
        S: Service<u32, Response = u32, Error = TestError> + Clone + Send,
        S::Future: Send,
    {
        tokio::time::advance(std::time::Duration::ZERO).await;
        let (layer, at_rest) = (&self.layer, &self.at_rest);
        checks::ready::uses_the_ready_instance(layer).await;
        checks::ready::clones_are_not_ready(layer).await;
        checks::ready::layers_again(layer).await;
        checks::ready::waits_without_a_loop(layer).await;
        checks::ready::passes_the_error(layer).await;
        checks::ready::gives_back_unused(layer, at_rest).await;
        checks::call::waits_without_a_loop(layer).await;
        checks::call::passes_the_error(layer, at_rest).await;
        checks::cancel::at_every_poll(layer, at_rest).await;
        checks::panic::in_call(layer, at_rest).await;
        checks::panic::in_poll(layer, at_rest).await;
        checks::call::answers(layer, "after all that").await;
    }
}
