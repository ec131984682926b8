//! A copy that turns out late not to be replayable.

mod kit;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

use buttress_context::{Context, Replay};
use buttress_error::{Kind, StopReason};
use buttress_retry::RetryLayer;
use buttress_test::TestError;
use kit::{plain, reported};
use tower::{Layer, ServiceExt, service_fn};

/// A request and its copies: whole until `whole` is cleared.
#[derive(Clone, Default)]
struct Upload {
    lost: Arc<AtomicBool>,
}

impl Replay for Upload {
    fn replay(&self) -> Option<Self> {
        Some(self.clone())
    }

    fn replayable(&self) -> bool {
        !self.lost.load(Relaxed)
    }

    fn idempotent(&self) -> Option<bool> {
        Some(true)
    }
}

/// [S13] The copy is checked when the attempt before it has failed, and not sent if it is no longer replayable.
#[tokio::test(start_paused = true)]
async fn a_copy_is_asked_late() {
    for (loses_itself, sent, stop) in
        [(3, 3, StopReason::Attempts), (2, 2, StopReason::NotReplayable), (1, 1, StopReason::NotReplayable)]
    {
        let calls = AtomicU32::new(0);
        let service = service_fn(|upload: Upload| {
            let call = calls.fetch_add(1, Relaxed) + 1;
            async move {
                upload.lost.store(call == loses_itself, Relaxed);
                Err::<(), _>(TestError::from(Kind::Unavailable))
            }
        });
        let stack = RetryLayer::new(plain().build().unwrap()).layer(service);
        let (outcome, report) = reported(Context::default(), stack.oneshot(Upload::default())).await;
        assert_eq!(outcome.unwrap_err().kind(), Kind::Unavailable, "the real failure");
        assert_eq!((calls.load(Relaxed), report.stopped), (sent, Some(stop)));
    }
}
