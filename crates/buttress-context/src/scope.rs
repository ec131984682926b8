//! `Scope`: a future with a context of its own.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{self, Poll, ready};

use pin_project_lite::pin_project;

use crate::{Frame, Report};

pin_project! {
    /// A future that is polled and dropped with a context of its own: see
    /// [`Context::scope`](crate::Context::scope).
    #[must_use = "futures do nothing unless polled"]
    pub struct Scope<F> {
        // Optional, so that it can be dropped inside the scope.
        #[pin]
        inner: Option<F>,
        frame: Frame,
    }

    impl<F> PinnedDrop for Scope<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.inner.is_some() {
                {
                    let _entered = this.frame.enter();
                    this.inner.set(None);
                }
                this.frame.close();
            }
        }
    }
}

impl<F> Scope<F> {
    /// Creates a scope in which `frame` is current while `future` is polled or dropped.
    pub const fn new(frame: Frame, future: F) -> Self {
        Self { inner: Some(future), frame }
    }

    /// Returns the frame. (Once the future is done, the report of a frame that is no boundary has been moved to the outer
    /// frame.)
    pub const fn frame(&self) -> &Frame {
        &self.frame
    }

    /// Drops the future now, in its scope, and ends the scope, as a timeout does. Returns the future's report, which is also
    /// added to that of the outer frame. Does nothing if the future is done.
    pub fn cancel(self: Pin<&mut Self>) -> Report {
        let mut this = self.project();
        if this.inner.is_some() {
            let _entered = this.frame.enter();
            this.inner.set(None);
        }
        let report = this.frame.report.clone();
        this.frame.close();
        report
    }
}

impl<F: Future> Future for Scope<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let output = {
            let _entered = this.frame.enter();
            let inner = this.inner.as_mut().as_pin_mut().expect("polled after completion");
            let output = ready!(inner.poll(cx));
            this.inner.set(None);
            output
        };
        this.frame.close();
        Poll::Ready(output)
    }
}

impl<F> fmt::Debug for Scope<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("frame", &self.frame).finish_non_exhaustive()
    }
}
