//! Makes calls as an application does: each one is awaited in an `async` function that the compiler cannot inline.
//!
//! A future that is pinned on the stack and polled by hand is taken apart by the compiler, and one that a peer has boxed
//! is not. Such a loop shows our layers several times faster than any user sees them.

use std::hint::{self, black_box};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use tokio::task::unconstrained;
use tower::{Service, ServiceExt};

/// How every call of a case has to end.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Ends {
    Well,
    Badly,
}

/// Calls `service` with one number after the other.
pub(crate) fn calls<S>(service: S, ends: Ends) -> impl FnMut(u64) + Send + 'static
where
    S: Service<u64> + Send + 'static,
{
    calls_with(service, ends, |request| request)
}

/// Calls `service` with the requests that `make` returns.
pub(crate) fn calls_with<S, R>(
    mut service: S,
    ends: Ends,
    make: impl Fn(u64) -> R + Send + 'static,
) -> impl FnMut(u64) + Send + 'static
where
    S: Service<R> + Send + 'static,
{
    awaited(ends, async move |number| call(&mut service, make(number)).await)
}

/// Calls a new clone of `service` for each request, as servers do that clone a handler's state.
pub(crate) fn cloned_calls<S, R>(
    service: S,
    make: impl Fn(u64) -> R + Send + 'static,
) -> impl FnMut(u64) + Send + 'static
where
    S: Service<R> + Clone + Send + 'static,
{
    awaited(Ends::Well, async move |number| call(&mut service.clone(), make(number)).await)
}

/// The application's function.
#[inline(never)]
pub(crate) async fn call<S: Service<R>, R>(service: &mut S, request: R) -> Result<S::Response, S::Error> {
    service.ready().await?.call(request).await
}

/// Awaits `each`, call after call.
///
/// # Panics
///
/// When a call ends otherwise than `ends`: a case cannot measure something else by mistake.
pub(crate) fn awaited<T, E>(
    ends: Ends,
    mut each: impl AsyncFnMut(u64) -> Result<T, E> + Send + 'static,
) -> impl FnMut(u64) + Send + 'static {
    move |n| {
        let mut as_expected = 0;
        drive(async {
            for number in 0..n {
                let mut outcome = pin!(each(black_box(number)));
                let outcome = std::future::poll_fn(|cx| poll(outcome.as_mut(), cx)).await;
                as_expected += u64::from(black_box(&outcome).is_ok() == (ends == Ends::Well));
            }
        });
        assert_eq!(as_expected, n, "calls that ended as the case says");
    }
}

/// Keeps the state of `future` in memory, where a task has it.
#[inline(never)]
fn poll<F: Future>(future: Pin<&mut F>, cx: &mut Context<'_>) -> Poll<F::Output> {
    future.poll(cx)
}

/// Polls `future` to its end, without tokio's cooperative budget: a timer would yield after 128 calls in one poll.
pub(crate) fn drive<F: Future>(future: F) -> F::Output {
    let future = pin!(unconstrained(future));
    let mut future: Pin<&mut dyn Future<Output = F::Output>> = future;
    // The compiler does not know which future that is.
    let future = black_box(&mut future);
    WAKER.with(|(alarm, waker)| {
        let mut cx = Context::from_waker(waker);
        loop {
            if let Poll::Ready(value) = future.as_mut().poll(&mut cx) {
                return value;
            }
            alarm.wait();
        }
    })
}

thread_local! {
    static WAKER: (Arc<Alarm>, Waker) = {
        let alarm = Arc::new(Alarm { woken: AtomicBool::new(false), thread: thread::current() });
        (Arc::clone(&alarm), alarm.into())
    };
}

/// Spins before it parks. A lock that passes from thread to thread is then measured without the time that the system
/// takes to wake one.
struct Alarm {
    woken: AtomicBool,
    thread: Thread,
}

impl Alarm {
    /// About 50 µs.
    const SPINS: u32 = 2_000;

    fn wait(&self) {
        for _ in 0..Self::SPINS {
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
