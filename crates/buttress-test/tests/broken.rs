//! A kit that passes every layer is worthless: each of these layers breaks one rule, and fails.

use std::cell::Cell;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use buttress_error::Kind;
use buttress_test::{Strict, StrictFuture, TestError, conform};
use tower_service::Service;

type Answer = Result<u32, TestError>;

/// A way to be broken.
trait Bug: Sized + Send + Unpin + 'static {
    fn poll_ready(this: &mut Broken<Self>, cx: &mut Context<'_>) -> Poll<Result<(), TestError>> {
        this.inner.poll_ready(cx)
    }

    fn call(this: &mut Broken<Self>, request: u32) -> StrictFuture {
        this.inner.call(request)
    }

    fn poll(inner: Pin<&mut StrictFuture>, cx: &mut Context<'_>) -> Poll<Answer> {
        inner.poll(cx)
    }

    fn drop(inner: Pin<Box<StrictFuture>>) {
        drop(inner);
    }

    fn clone(this: &Broken<Self>) -> Broken<Self> {
        Broken { inner: this.inner.clone(), ready: false, bug: PhantomData }
    }
}

struct Broken<B> {
    inner: Strict,
    ready: bool,
    bug: PhantomData<B>,
}

impl<B: Bug> Clone for Broken<B> {
    fn clone(&self) -> Self {
        B::clone(self)
    }
}

impl<B: Bug> Service<u32> for Broken<B> {
    type Response = u32;
    type Error = TestError;
    type Future = BrokenFuture<B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TestError>> {
        B::poll_ready(self, cx)
    }

    fn call(&mut self, request: u32) -> BrokenFuture<B> {
        BrokenFuture(Some(Box::pin(B::call(self, request))), PhantomData)
    }
}

struct BrokenFuture<B: Bug>(Option<Pin<Box<StrictFuture>>>, PhantomData<B>);

impl<B: Bug> Future for BrokenFuture<B> {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        B::poll(self.0.as_mut().expect("dropped once").as_mut(), cx)
    }
}

impl<B: Bug> Drop for BrokenFuture<B> {
    fn drop(&mut self) {
        B::drop(self.0.take().expect("dropped once"));
    }
}

async fn check<B: Bug>() {
    conform(|inner| Broken::<B> { inner, ready: false, bug: PhantomData }).run().await;
}

struct NoBug;
impl Bug for NoBug {}

#[tokio::test(start_paused = true)]
async fn a_plain_layer_passes() {
    check::<NoBug>().await;
}

struct CallsAClone;
impl Bug for CallsAClone {
    fn call(this: &mut Broken<Self>, request: u32) -> StrictFuture {
        this.inner.clone().call(request)
    }
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "not made ready")]
async fn calling_a_clone_fails() {
    check::<CallsAClone>().await;
}

struct ClonesReadiness;
impl Bug for ClonesReadiness {
    fn poll_ready(this: &mut Broken<Self>, cx: &mut Context<'_>) -> Poll<Result<(), TestError>> {
        if this.ready {
            return Poll::Ready(Ok(()));
        }
        this.inner.poll_ready(cx).map_ok(|()| this.ready = true)
    }

    fn call(this: &mut Broken<Self>, request: u32) -> StrictFuture {
        this.ready = false;
        this.inner.call(request)
    }

    fn clone(this: &Broken<Self>) -> Broken<Self> {
        Broken { inner: this.inner.clone(), ready: this.ready, bug: PhantomData }
    }
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "not made ready")]
async fn cloning_readiness_fails() {
    check::<ClonesReadiness>().await;
}

struct LoopsUntilReady;
impl Bug for LoopsUntilReady {
    fn poll_ready(this: &mut Broken<Self>, cx: &mut Context<'_>) -> Poll<Result<(), TestError>> {
        cx.waker().wake_by_ref();
        this.inner.poll_ready(cx)
    }
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "busy loop")]
async fn waking_oneself_while_unready_fails() {
    check::<LoopsUntilReady>().await;
}

struct LoopsUntilDone;
impl Bug for LoopsUntilDone {
    fn poll(inner: Pin<&mut StrictFuture>, cx: &mut Context<'_>) -> Poll<Answer> {
        cx.waker().wake_by_ref();
        inner.poll(cx)
    }
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "busy loop")]
async fn waking_oneself_in_a_call_fails() {
    check::<LoopsUntilDone>().await;
}

struct LosesWakers;
impl Bug for LosesWakers {
    fn poll(inner: Pin<&mut StrictFuture>, _: &mut Context<'_>) -> Poll<Answer> {
        inner.poll(&mut Context::from_waker(Waker::noop()))
    }
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "without a registered waker")]
async fn pending_without_a_waker_fails() {
    check::<LosesWakers>().await;
}

struct ChangesErrors;
impl Bug for ChangesErrors {
    fn poll_ready(this: &mut Broken<Self>, cx: &mut Context<'_>) -> Poll<Result<(), TestError>> {
        this.inner.poll_ready(cx).map_err(|_| Kind::Unknown.into())
    }
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "the error of poll_ready was changed")]
async fn changing_the_error_of_readiness_fails() {
    check::<ChangesErrors>().await;
}

struct Leaks;
impl Bug for Leaks {
    fn drop(inner: Pin<Box<StrictFuture>>) {
        std::mem::forget(inner);
    }
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "still alive")]
async fn leaking_the_inner_future_fails() {
    check::<Leaks>().await;
}

struct Reserves;
impl Bug for Reserves {
    fn poll_ready(this: &mut Broken<Self>, cx: &mut Context<'_>) -> Poll<Result<(), TestError>> {
        let mut spare = this.inner.clone();
        let _ = spare.poll_ready(cx);
        std::mem::forget(spare);
        this.inner.poll_ready(cx)
    }
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "keeps the inner readiness")]
async fn keeping_a_second_instance_ready_fails() {
    check::<Reserves>().await;
}

struct SwallowsPanics;
impl Bug for SwallowsPanics {
    fn poll(inner: Pin<&mut StrictFuture>, cx: &mut Context<'_>) -> Poll<Answer> {
        catch_unwind(AssertUnwindSafe(|| inner.poll(cx)))
            .unwrap_or_else(|_| Poll::Ready(Err(Kind::Panic.into())))
    }
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "swallowed")]
async fn swallowing_a_panic_fails() {
    check::<SwallowsPanics>().await;
}

struct ChangesPanics;
impl Bug for ChangesPanics {
    fn call(this: &mut Broken<Self>, request: u32) -> StrictFuture {
        let call = catch_unwind(AssertUnwindSafe(|| this.inner.call(request)));
        call.unwrap_or_else(|_| std::panic::resume_unwind(Box::new("another")))
    }
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "the inner panic was changed")]
async fn changing_a_panic_fails() {
    check::<ChangesPanics>().await;
}

/// A semaphore of one that forgets to release when its call is cancelled.
#[tokio::test(start_paused = true)]
#[should_panic(expected = "a permit is taken")]
async fn the_check_at_rest_sees_a_lost_permit() {
    thread_local!(static TAKEN: Cell<bool> = const { Cell::new(false) });
    struct LosesPermit;
    impl Bug for LosesPermit {
        fn poll(inner: Pin<&mut StrictFuture>, cx: &mut Context<'_>) -> Poll<Answer> {
            TAKEN.set(true);
            let poll = inner.poll(cx);
            TAKEN.set(poll.is_pending());
            poll
        }
    }
    conform(|inner| Broken::<LosesPermit> { inner, ready: false, bug: PhantomData })
        .at_rest(|| assert!(!TAKEN.get(), "a permit is taken"))
        .run()
        .await;
}

#[tokio::test]
#[should_panic(expected = "time")]
async fn the_clock_must_be_paused() {
    check::<NoBug>().await;
}

/// The kit notices a timer that polls: ticking ten times in one wait is a loop, only slower.
#[tokio::test(start_paused = true)]
#[should_panic(expected = "busy loop")]
async fn polling_by_timer_fails() {
    struct Ticks;
    impl Bug for Ticks {
        fn poll(inner: Pin<&mut StrictFuture>, cx: &mut Context<'_>) -> Poll<Answer> {
            let poll = inner.poll(cx);
            if poll.is_pending() {
                let waker = Arc::new(cx.waker().clone());
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    waker.wake_by_ref();
                });
            }
            poll
        }
    }
    check::<Ticks>().await;
}
