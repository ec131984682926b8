//! Groups of tasks and supervised tasks: what they carry, what they cancel, and that nothing vanishes.
#![allow(clippy::unwrap_used)] // helpers of tests are tests

mod common;

use std::future::pending;
use std::sync::mpsc;
use std::time::Duration;

use buttress_context::{
    Context, RequestId, TaskGroup, spawn_blocking, spawn_supervised, with_current_context,
};
use buttress_error::{Error, Kind};
use tokio::time::{Instant, sleep};
use tracing::Span;

use common::{Lost, Witness};

const MS: Duration = Duration::from_millis(1);

fn id() -> Option<RequestId> {
    Context::current().request_id().cloned()
}

fn order(number: u32) -> Context {
    Context::default().with_request_id(RequestId::parse(&format!("order-{number}")).unwrap())
}

fn failed(message: &'static str) -> Error {
    Error::new(Kind::Unavailable, message)
}

async fn fails_after(wait: Duration, message: &'static str) -> Result<u32, Error> {
    sleep(wait).await;
    Err(failed(message))
}

/// A task that is cancelled or over is dropped, and a dropped one is heard of, once the runtime has had its turn.
async fn settle() {
    sleep(MS).await;
}

/// [S39] tasks of a group, blocking ones too, have the context of the moment when they were spawned.
#[tokio::test]
async fn a_group_carries_the_context() {
    let mut group = TaskGroup::new("orders");
    order(1).run(|| group.spawn(async { Ok::<_, Error>(id()) }));
    order(2).run(|| group.spawn_blocking(|| Ok::<_, Error>(id())));
    group.spawn(async { Ok::<_, Error>(id()) });
    assert_eq!(
        group.join().await.unwrap(),
        [order(1).request_id().cloned(), order(2).request_id().cloned(), None]
    );
    assert_eq!(id(), None);
}

/// [S39] and its span.
#[tokio::test]
async fn a_group_carries_the_span() {
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry());
    let span = tracing::info_span!("order");
    let mut group = TaskGroup::new("orders");
    span.in_scope(|| group.spawn(async { Ok::<_, Error>(Span::current().id()) }));
    assert_eq!(group.join().await.unwrap(), [Some(span.id().unwrap())]);
}

/// [S39] a task that is cancelled is dropped in its context.
#[tokio::test(start_paused = true)]
async fn a_cancelled_task_is_dropped_in_its_context() {
    let (witness, dropped) = Witness::new(id);
    let mut group = TaskGroup::<()>::new("orders");
    order(1).run(|| {
        group.spawn(async move {
            let _witness = witness;
            pending::<Result<(), Error>>().await
        });
    });
    settle().await;
    drop(group);
    settle().await;
    assert_eq!(dropped.try_recv().unwrap(), order(1).request_id().cloned());
}

/// [S39] a task that panics is dropped in its context, and before its result is there.
#[tokio::test(start_paused = true)]
async fn a_task_that_panics_is_dropped_in_its_context() {
    let (witness, dropped) = Witness::new(id);
    let mut group = TaskGroup::<()>::new("orders");
    // What a closure holds outlives its panic; the variables of an async block don't.
    let task = std::future::poll_fn(move |_| -> std::task::Poll<Result<(), Error>> {
        let _witness = &witness;
        panic!("a bug")
    });
    order(1).run(|| group.spawn(task));
    assert_eq!(group.join().await.unwrap_err().kind(), Kind::Panic);
    assert_eq!(dropped.try_recv().unwrap(), order(1).request_id().cloned());
}

/// [S39] `spawn_blocking`, and a thread with `with_current_context`, have context and span.
#[tokio::test]
async fn threads_carry_context_and_span() {
    let dispatch = tracing::Dispatch::new(tracing_subscriber::registry());
    let _guard = tracing::dispatcher::set_default(&dispatch);
    let span = tracing::info_span!("order");
    let expected = (order(1).request_id().cloned(), span.id());
    assert!(expected.1.is_some());
    // A new thread has no subscriber of its own.
    let look = move || tracing::dispatcher::with_default(&dispatch, || (id(), Span::current().id()));
    let (blocking, thread) = order(1).run(|| {
        span.in_scope(|| (spawn_blocking(look.clone()), std::thread::spawn(with_current_context(look))))
    });
    assert_eq!(blocking.await.unwrap(), expected);
    assert_eq!(thread.join().unwrap(), expected);
}

/// Values come in the order of spawning, whichever task is first to end.
#[tokio::test(start_paused = true)]
async fn values_are_in_the_order_of_spawning() {
    let mut group = TaskGroup::new("orders");
    assert!(group.is_empty());
    for number in [3_u32, 1, 2] {
        group.spawn(async move {
            sleep(number * MS).await;
            Ok::<_, Error>(number)
        });
    }
    assert_eq!(group.len(), 3);
    assert_eq!(group.join().await.unwrap(), [3, 1, 2]);
    assert_eq!(TaskGroup::<()>::new("none").join().await.unwrap(), []);
}

/// The first failure cancels the others, and none of them is left when `join` returns.
#[tokio::test(start_paused = true)]
async fn the_first_failure_cancels_the_others() {
    let (witness, dropped) = Witness::new(|| ());
    let start = Instant::now();
    let mut group = TaskGroup::new("orders");
    group.spawn(async move {
        let _witness = witness;
        fails_after(9 * MS, "late").await
    });
    group.spawn(fails_after(2 * MS, "shop closed"));
    let error = group.join().await.unwrap_err();
    assert!(dropped.try_recv().is_ok());
    assert_eq!(start.elapsed(), 2 * MS);
    assert_eq!((error.kind(), error.to_string().as_str()), (Kind::Unavailable, "shop closed"));
    assert!(error.group().is_none());
}

/// Others that failed before they could be cancelled are told of as well.
#[tokio::test(start_paused = true)]
async fn failures_at_once_are_a_group() {
    let mut group = TaskGroup::<u32>::new("orders");
    group.spawn(async { Err(failed("one")) });
    group.spawn(async { Err(failed("two")) });
    settle().await;
    assert_eq!(format!("{:#}", group.join().await.unwrap_err()), "orders (2 errors): [one; two]");
}

/// `collect_all` lets all run to their end.
#[tokio::test(start_paused = true)]
async fn collect_all_collects_all() {
    let start = Instant::now();
    let mut group = TaskGroup::collect_all("orders");
    group.spawn(fails_after(5 * MS, "second"));
    group.spawn(async { Ok::<_, Error>(1) });
    group.spawn(async { Err(Error::new(Kind::NotFound, "first")) });
    let error = group.join().await.unwrap_err();
    assert_eq!(start.elapsed(), 5 * MS);
    assert_eq!(error.kind(), Kind::Unavailable);
    assert_eq!(format!("{error:#}"), "orders (2 errors): [first; second]");
}

/// A panic is a member, with its message.
#[tokio::test(start_paused = true)]
async fn panics_are_members() {
    let lost = Lost::listen();
    let mut group = TaskGroup::<()>::collect_all("orders");
    group.spawn(async { panic!("a text") as Result<(), Error> });
    group.spawn(async {
        sleep(MS).await;
        panic!("number {}", 7) as Result<(), Error>
    });
    group.spawn(async {
        sleep(2 * MS).await;
        std::panic::panic_any(7) as Result<(), Error>
    });
    let error = group.join().await.unwrap_err();
    let told: Vec<_> = error.group().unwrap().members().iter().map(|e| (e.kind(), e.to_string())).collect();
    let expected = ["panicked: a text", "panicked: number 7", "panicked"];
    assert_eq!(told, expected.map(|message| (Kind::Panic, message.to_owned())));

    let mut group = TaskGroup::<()>::new("orders");
    group.spawn_blocking(|| panic!("off the loop") as Result<(), Error>);
    assert_eq!(group.join().await.unwrap_err().to_string(), "panicked: off the loop");
    assert_eq!(lost.told(), [] as [String; 0], "what was read is not logged");
}

/// A blocking task can't be cancelled: `join` waits for it.
#[tokio::test]
async fn join_waits_for_a_blocking_task() {
    let (go, wait) = mpsc::channel::<()>();
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let mut group = TaskGroup::<()>::new("orders");
    group.spawn_blocking(move || {
        begun.send(()).unwrap();
        wait.recv().unwrap();
        Ok::<_, Error>(())
    });
    has_begun.await.unwrap();
    group.spawn(async { Err(failed("shop closed")) });
    let mut join = Box::pin(group.join());
    for _ in 0..10 {
        assert!(std::future::poll_fn(|cx| std::task::Poll::Ready(join.as_mut().poll(cx).is_pending())).await);
        tokio::task::yield_now().await;
    }
    go.send(()).unwrap();
    assert_eq!(join.await.unwrap_err().to_string(), "shop closed");
}

/// What nobody has read when a group is dropped is logged once each, with the context of its task; a success or a task
/// that was cancelled is not.
#[tokio::test(start_paused = true)]
async fn a_dropped_group_tells_what_was_not_read() {
    let lost = Lost::listen();
    let mut group = TaskGroup::collect_all("orders");
    order(1).run(|| group.spawn(async { Err(failed("shop closed")) }));
    order(2).run(|| group.spawn(async { panic!("a bug") as Result<u32, Error> }));
    order(3).run(|| group.spawn(async { Ok::<_, Error>(1) }));
    order(4).run(|| group.spawn(pending::<Result<u32, Error>>()));
    settle().await;
    assert_eq!(lost.told(), [] as [String; 0]);
    drop(group);
    settle().await;
    let mut told = lost.told();
    told.sort();
    let expected = [
        "WARN order-1 event=task.lost task=orders kind=unavailable error=shop closed",
        "ERROR order-2 event=task.lost task=orders kind=panic error=panicked: a bug",
    ];
    let mut expected = expected.map(str::to_owned);
    expected.sort();
    assert_eq!(told, expected);
}

/// So is what the future of `join` had collected when it is dropped.
#[tokio::test(start_paused = true)]
async fn a_dropped_join_tells_what_it_had_collected() {
    let lost = Lost::listen();
    let mut group = TaskGroup::<u32>::collect_all("orders");
    order(1).run(|| group.spawn(async { Err(failed("shop closed")) }));
    group.spawn(pending::<Result<u32, Error>>());
    assert!(tokio::time::timeout(MS, group.join()).await.is_err());
    settle().await;
    assert_eq!(lost.told(), ["WARN order-1 event=task.lost task=orders kind=unavailable error=shop closed"]);
}

/// A task that panics while it is dropped is heard of, too.
#[tokio::test(start_paused = true)]
async fn a_panic_in_the_drop_of_a_task_is_told() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("in drop");
        }
    }
    let lost = Lost::listen();
    let mut group = TaskGroup::<()>::new("orders");
    order(1).run(|| {
        group.spawn(async {
            let _bomb = Bomb;
            pending::<Result<(), Error>>().await
        });
    });
    settle().await;
    drop(group);
    settle().await;
    assert_eq!(lost.told(), ["ERROR order-1 event=task.lost task=orders kind=panic error=panicked: in drop"]);
}

/// A supervised task whose handle is dropped goes on; its failure is logged once, with its context.
#[tokio::test(start_paused = true)]
async fn a_detached_task_tells_how_it_failed() {
    let lost = Lost::listen();
    order(1).run(|| drop(spawn_supervised("refresh", fails_after(3 * MS, "shop closed"))));
    let late = order(2).run(|| spawn_supervised("refresh", async { panic!("a bug") as Result<(), Error> }));
    sleep(4 * MS).await;
    assert!(late.is_finished());
    drop(late);
    let told = [
        "WARN order-1 event=task.lost task=refresh kind=unavailable error=shop closed",
        "ERROR order-2 event=task.lost task=refresh kind=panic error=panicked: a bug",
    ];
    assert_eq!(lost.told(), told);
}

/// Whoever awaits the handle has the result, and the log has nothing.
#[tokio::test(start_paused = true)]
async fn an_awaited_handle_has_the_result() {
    let lost = Lost::listen();
    assert_eq!(spawn_supervised("refresh", async { Ok::<_, Error>(1) }).await.unwrap(), 1);
    let error = spawn_supervised("refresh", fails_after(MS, "shop closed")).await.unwrap_err();
    assert_eq!(error.to_string(), "shop closed");
    let task = spawn_supervised("refresh", pending::<Result<(), Error>>());
    task.abort();
    let error = task.await.unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (Kind::Cancelled, "task `refresh` was cancelled"));
    assert_eq!(lost.told(), [] as [String; 0]);
}

/// A supervised task whose panic payload panics while it is dropped was never logged.
#[tokio::test(start_paused = true)]
async fn a_payload_that_panics_on_drop_is_logged() {
    struct Payload;
    impl Drop for Payload {
        fn drop(&mut self) {
            panic!("a payload that panics while it is dropped");
        }
    }
    /// Panics with such a payload when it is dropped.
    struct Last;
    impl Drop for Last {
        fn drop(&mut self) {
            std::panic::panic_any(Payload);
        }
    }
    async fn panics() -> Result<(), Error> {
        sleep(MS).await;
        std::panic::panic_any(Payload)
    }
    async fn cancelled() -> Result<(), Error> {
        let _last = Last;
        std::future::pending().await
    }

    let lost = Lost::listen();
    order(1).run(|| drop(spawn_supervised("refresh", panics())));
    let read = order(2).run(|| spawn_supervised("refresh", panics()));
    let aborted = order(3).run(|| spawn_supervised("refresh", cancelled()));
    let mut group = TaskGroup::new("orders");
    order(4).run(|| group.spawn(panics()));
    assert_eq!(read.await.unwrap_err().kind(), Kind::Panic, "the handle returns it");
    aborted.abort();
    drop(aborted);
    sleep(5 * MS).await;
    drop(group);
    settle().await;
    let mut told = lost.told();
    told.sort();
    assert_eq!(told.len(), 3, "{told:?}");
    for (told, order) in told.iter().zip(["order-1", "order-3", "order-4"]) {
        assert!(told.contains(order) && told.contains("kind=panic error=panicked"), "{told}");
    }
}
