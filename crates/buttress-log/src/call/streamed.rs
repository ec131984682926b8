//! `StreamedCall`: a call whose response streams. It ends when its body does.

use std::time::Duration;

use buttress_error::{Class, CompletionObserver, Kind, Verdict};

use crate::call::layer::CallSettings;
use crate::call::running::Running;

/// Logs the end of the call, however the body ends. `None` once it is logged.
pub(super) struct StreamedCall(pub(super) Option<(CallSettings, Running)>);

impl StreamedCall {
    fn end(&mut self, outcome: &'static str, class: Option<Class>) {
        if let Some((settings, running)) = self.0.take() {
            running.end(&settings, outcome, class);
        }
    }

    fn cancel(&mut self) {
        self.end("cancelled", Some(Kind::Cancelled.into()));
    }
}

impl CompletionObserver for StreamedCall {
    fn completed(mut self: Box<Self>, verdict: &Verdict) {
        self.end(if verdict.is_failure() { "error" } else { "ok" }, verdict.class().copied());
    }

    fn abandoned(mut self: Box<Self>, _waited: Duration) {
        self.cancel();
    }
}

/// A body that is never read to its end, and says nothing, was dropped.
impl Drop for StreamedCall {
    fn drop(&mut self) {
        self.cancel();
    }
}
