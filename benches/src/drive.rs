//! Calls services and polls futures by hand, without a runtime in between.

use std::hint::{self, black_box};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use tower::Service;

/// How every call of a case has to end.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Ends {
    Well,
    Badly,
}

/// Readies and calls `service`, call after call, each through to its end.
///
/// # Panics
///
/// When a call ends otherwise: a case can't measure something else by mistake.
pub(crate) fn calls<S: Service<u64>>(mut service: S, ends: Ends) -> impl FnMut(u64) {
    move |n| {
        let mut as_expected = 0;
        with_waker(|cx| {
            for request in 0..n {
                let result = match poll(cx, |cx| service.poll_ready(cx)) {
                    Ok(()) => {
                        let mut response = pin!(service.call(black_box(request)));
                        poll(cx, |cx| response.as_mut().poll(cx))
                    }
                    Err(error) => Err(error),
                };
                as_expected += u64::from(black_box(&result).is_ok() == (ends == Ends::Well));
            }
        });
        assert_eq!(as_expected, n, "calls that ended as the case says");
    }
}

/// Polls `future` to its end.
pub(crate) fn drive<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    with_waker(|cx| poll(cx, |cx| future.as_mut().poll(cx)))
}

fn poll<T>(cx: &mut Context<'_>, mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
    loop {
        if let Poll::Ready(value) = poll(cx) {
            return value;
        }
        WAKER.with(|(alarm, _)| alarm.wait());
    }
}

fn with_waker<T>(work: impl FnOnce(&mut Context<'_>) -> T) -> T {
    WAKER.with(|(_, waker)| work(&mut Context::from_waker(waker)))
}

thread_local! {
    static WAKER: (Arc<Alarm>, Waker) = {
        let alarm = Arc::new(Alarm { woken: AtomicBool::new(false), thread: thread::current() });
        (Arc::clone(&alarm), alarm.into())
    };
}

/// Looks out for a while before it sleeps: a lock that is handed from thread to thread is measured, not how long
/// the system takes to wake one. No runtime is kinder to a layer that waits for a lock.
struct Alarm {
    woken: AtomicBool,
    thread: Thread,
}

impl Alarm {
    /// About 50 µs.
    const LOOKS: u32 = 2_000;

    fn wait(&self) {
        for _ in 0..Self::LOOKS {
            // Acquire: what was written before the wake is seen after it.
            if self.woken.swap(false, Ordering::Acquire) {
                return;
            }
            hint::spin_loop();
        }
        thread::park();
    }
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}
