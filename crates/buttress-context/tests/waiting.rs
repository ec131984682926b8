//! Threads that wait inside a scope and run unrelated tasks meanwhile: what those see, and the way that is safe.

use std::future::{Future, poll_fn};
use std::sync::mpsc;
use std::task::Poll;

use buttress_context::{Context, Report, with_current_context, with_current_context_future};
use tokio::runtime::{Builder, Runtime};
use tokio::task::{LocalSet, spawn_local, yield_now};

/// The context of the call that waits.
fn call() -> Context {
    Context::default().with_attempt(7)
}

/// What a task sees. It also reports, as a retry layer does.
fn attempt() -> u32 {
    Report::write(|report| report.attempts = 99);
    Context::read(Context::attempt)
}

async fn attempt_of_task() -> u32 {
    attempt()
}

fn current_thread() -> Runtime {
    Builder::new_current_thread().build().expect("a runtime can be built")
}

/// [S39] the limit that is documented: tasks of a `LocalSet` that runs inside a scope see its context.
#[tokio::test]
async fn a_local_set_inside_a_scope_shows_its_context() {
    let local = LocalSet::new();
    let other = local.spawn_local(attempt_of_task());
    let (seen, report) = Report::of(call().scope(local.run_until(other))).await;
    assert_eq!((seen.unwrap(), report.attempts), (7, 99));
}

/// [S39] detached, it shows nothing, and the call's own work keeps its context.
#[tokio::test]
async fn a_detached_local_set_shows_nothing() {
    let local = LocalSet::new();
    let other = local.spawn_local(attempt_of_task());
    let waiting = call().scope(async {
        let own = with_current_context_future(async {
            (attempt(), spawn_local(with_current_context_future(attempt_of_task())).await, other.await)
        });
        Context::detached_future(local.run_until(own)).await
    });
    let ((own, child, other), report) = Report::of(waiting).await;
    assert_eq!((own, child.unwrap(), other.unwrap()), (7, 7, 1));
    assert_eq!(report.attempts, 0, "what the other task reports is not the call's");
}

/// [S39] the limit that is documented: so do tasks of a current-thread runtime.
#[test]
fn a_nested_block_on_shows_the_context() {
    let runtime = current_thread();
    let other = runtime.spawn(attempt_of_task());
    assert_eq!(call().run(|| runtime.block_on(other)).unwrap(), 7);
}

/// [S39] detached, it shows nothing.
#[test]
fn a_detached_block_on_shows_nothing() {
    let runtime = current_thread();
    let other = runtime.spawn(attempt_of_task());
    let seen = call().run(|| {
        let own = with_current_context_future(async { (attempt(), other.await.unwrap()) });
        Context::detached(|| runtime.block_on(own))
    });
    assert_eq!(seen, (7, 1));
}

/// [S39] these run no other task on the thread that waits.
#[test]
fn a_multi_thread_runtime_shows_nothing() {
    let runtime = Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let seen = call()
        .run(|| runtime.block_on(async { (attempt(), runtime.spawn(attempt_of_task()).await.unwrap()) }));
    assert_eq!(seen, (7, 1));
    let handle = runtime.handle().clone();
    let blocking = runtime.spawn_blocking(move || {
        let other = handle.spawn(attempt_of_task());
        call().run(|| handle.block_on(async { (attempt(), other.await.unwrap()) }))
    });
    assert_eq!(runtime.block_on(blocking).unwrap(), (7, 1));
    let in_place = runtime.spawn(async {
        let other = tokio::spawn(attempt_of_task());
        let wait = || tokio::runtime::Handle::current().block_on(async { (attempt(), other.await.unwrap()) });
        call().run(|| tokio::task::block_in_place(wait))
    });
    assert_eq!(runtime.block_on(in_place).unwrap(), (7, 1));
}

fn pool() -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool can be built")
}

/// [S39] the limit that is documented: so do jobs that a thread of rayon takes up while it waits.
#[test]
fn a_job_of_rayon_shows_the_context() {
    let (sender, receiver) = mpsc::channel();
    pool().install(move || {
        rayon::spawn(move || sender.send(attempt()).unwrap());
        call().run(rayon::yield_now);
        assert_eq!(receiver.try_recv(), Ok(7), "run by this thread, inside the scope");
    });
}

/// [S39] detached, it shows nothing; `with_current_context` gives the call's own jobs their context.
#[test]
fn a_detached_job_of_rayon_shows_nothing() {
    let (sender, receiver) = mpsc::channel();
    pool().install(move || {
        rayon::spawn(move || sender.send(attempt()).unwrap());
        let (left, right) = call().run(|| {
            let (left, right) = (with_current_context(attempt), with_current_context(attempt));
            Context::detached(|| {
                rayon::yield_now();
                rayon::join(left, right)
            })
        });
        assert_eq!(receiver.try_recv(), Ok(1), "run by this thread, outside the scope");
        assert_eq!((left, right), (7, 7));
    });
}

/// [S39] what is around a detached part is back after it, also if it panics or waits.
#[tokio::test]
async fn a_detached_part_ends() {
    call().run(|| {
        let caught = std::panic::catch_unwind(|| Context::detached(|| panic!("on the way out")));
        assert!(caught.is_err());
        assert_eq!(attempt(), 7);
    });
    call()
        .scope(async {
            let detached = Context::detached_future(async {
                yield_now().await;
                attempt()
            });
            assert_eq!(detached.await, 1);
            let mut dropped = Box::pin(Context::detached_future(std::future::pending::<()>()));
            poll_fn(|cx| {
                assert!(dropped.as_mut().poll(cx).is_pending());
                Poll::Ready(())
            })
            .await;
            drop(dropped);
            assert_eq!(attempt(), 7);
        })
        .await;
}
