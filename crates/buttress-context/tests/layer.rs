//! `ContextLayer` and `spawn`.

use std::future::{Future, Ready, pending, ready};
use std::task::{self, Poll, Waker};
use std::time::Duration;

use buttress_context::{Context, ContextLayer, Report, RequestId, Trace, spawn};
use buttress_test::{Strict, conform};
use tower::{Layer, Service, ServiceExt, service_fn};
use tracing::Span;

#[tokio::test(start_paused = true)]
async fn it_conforms() {
    conform(|inner| ContextLayer::new().layer(inner)).run().await;
}

fn ids() -> (Option<RequestId>, Option<Trace>) {
    Context::read(|cx| (cx.request_id().cloned(), cx.trace().copied()))
}

type Ids = (Option<RequestId>, Option<Trace>);

/// Says which ids it saw in `call` and in its future.
async fn seen(in_call: Ids) -> Result<(Ids, Ids), ()> {
    tokio::task::yield_now().await;
    Ok((in_call, ids()))
}

/// [S39] a call has one request id and one trace, in `call`, in every poll, and not after it.
#[tokio::test]
async fn it_gives_each_call_its_ids() {
    let mut service = ContextLayer::new().layer(service_fn(|()| seen(ids())));
    let (in_call, in_poll) = service.ready().await.unwrap().call(()).await.unwrap();
    assert!(in_call.0.is_some() && in_call.1.is_some());
    assert_eq!(in_call, in_poll);
    assert_eq!(ids(), (None, None));

    let (other, _) = service.ready().await.unwrap().call(()).await.unwrap();
    assert_ne!(other.0, in_call.0);
    assert_ne!(other.1.unwrap().trace_id(), in_call.1.unwrap().trace_id());
}

/// A call inside of a call belongs to it.
#[tokio::test]
async fn it_keeps_the_ids_that_are_there() {
    let service = ContextLayer::new().layer(service_fn(|()| seen(ids())));
    let id = RequestId::parse("order-42").unwrap();
    let cx = Context::default().with_request_id(id.clone());
    let (in_call, _) = cx.scope(service.oneshot(())).await.unwrap();
    assert_eq!(in_call.0, Some(id.clone()));
    assert!(in_call.1.is_some(), "what is missing is added");

    let trace = Trace::random();
    let cx = Context::default().with_request_id(id.clone()).with_trace(trace);
    let (in_call, _) = cx.scope(service.oneshot(())).await.unwrap();
    assert_eq!(in_call, (Some(id), Some(trace)));
}

#[tokio::test(start_paused = true)]
async fn it_keeps_the_rest_too() {
    let cx =
        Context::default().with_timeout(Duration::from_secs(5)).with_field("customer", 17).with_attempt(2);
    let service = ContextLayer::new().layer(service_fn(|()| ready(Ok::<_, ()>(Context::current()))));
    let inside = cx.clone().scope(service.oneshot(())).await.unwrap();
    assert_eq!((inside.deadline(), inside.attempt(), inside.fields().len()), (cx.deadline(), 2, 1));
}

/// Panics in `call`.
#[derive(Clone)]
struct Bomb;

impl Service<()> for Bomb {
    type Response = ();
    type Error = ();
    type Future = Ready<Result<(), ()>>;

    fn poll_ready(&mut self, _: &mut task::Context<'_>) -> Poll<Result<(), ()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, (): ()) -> Self::Future {
        std::panic::resume_unwind(Box::new("boom"))
    }
}

/// [S2] [S39] a panic in the inner `call` goes on and leaves no context behind.
#[test]
fn a_panic_in_call_restores_the_context() {
    let mut service = ContextLayer::new().layer(Bomb);
    let call = std::panic::AssertUnwindSafe(|| drop(service.call(())));
    assert!(std::panic::catch_unwind(call).is_err());
    assert_eq!(ids(), (None, None));
}

#[tokio::test]
async fn what_the_call_reports_goes_to_the_caller() {
    let service = ContextLayer::new().layer(service_fn(|()| {
        Report::write(|report| report.attempts = 2);
        async {
            Report::write(|report| report.degraded = true);
            Ok::<_, ()>(())
        }
    }));
    let frame = buttress_context::Frame::boundary(Context::default());
    let mut scope = Box::pin(buttress_context::Scope::new(frame, service.oneshot(())));
    scope.as_mut().await.unwrap();
    let report = &scope.frame().report;
    assert_eq!((report.attempts, report.degraded), (2, true));
}

#[test]
fn the_inner_service_can_be_reached() {
    let mut service = ContextLayer::new().layer(Strict::new());
    assert_eq!(service.get_mut().calls() + service.get_ref().calls(), 0);
    assert_eq!(service.into_inner().calls(), 0);
}

/// [S39] `spawn` takes the context into the task; `tokio::spawn` does not.
#[tokio::test]
async fn spawn_carries_the_context() {
    let id = RequestId::parse("order-42").unwrap();
    let cx = Context::default().with_request_id(id.clone());
    let (ours, plain) = cx.run(|| (spawn(async { ids().0 }), tokio::spawn(async { ids().0 })));
    assert_eq!(ours.await.unwrap(), Some(id));
    assert_eq!(plain.await.unwrap(), None);
    assert_eq!(ids().0, None);
}

/// [S39] `spawn` takes the span into the task.
#[tokio::test]
async fn spawn_carries_the_span() {
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry());
    let span = tracing::info_span!("order");
    let expected = span.id().expect("the registry is interested");
    let (ours, plain) = span
        .in_scope(|| (spawn(async { Span::current().id() }), tokio::spawn(async { Span::current().id() })));
    assert_eq!(ours.await.unwrap(), Some(expected));
    assert_eq!(plain.await.unwrap(), None);
}

/// A task reports to nobody: the call that began it may be over.
#[test]
fn a_spawned_task_reports_to_nobody() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut frame = buttress_context::Frame::boundary(Context::default());
    {
        // The runtime polls the task inside of this frame, too.
        let _entered = frame.enter();
        let task = async { spawn(async { Report::write(|report| report.attempts = 9) }).await };
        runtime.block_on(task).unwrap();
    }
    assert_eq!(frame.report.attempts, 0);
}

/// [S39] the context is there while an aborted task is dropped.
#[tokio::test]
async fn an_aborted_task_is_dropped_with_its_context() {
    struct Witness(Option<tokio::sync::oneshot::Sender<Option<RequestId>>>);
    impl Drop for Witness {
        fn drop(&mut self) {
            let _ = self.0.take().expect("dropped once").send(ids().0);
        }
    }
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let witness = Witness(Some(sender));
    let id = RequestId::parse("order-42").unwrap();
    let task = Context::default().with_request_id(id.clone()).run(|| {
        spawn(async move {
            let _witness = witness;
            pending::<()>().await;
        })
    });
    tokio::task::yield_now().await;
    task.abort();
    assert_eq!(receiver.await.unwrap(), Some(id));
}

/// The future of the layer is dropped in its scope.
#[test]
fn a_dropped_call_is_dropped_with_its_context() {
    struct Witness;
    impl Drop for Witness {
        fn drop(&mut self) {
            assert!(ids().0.is_some());
        }
    }
    let mut service = ContextLayer::new().layer(service_fn(|()| async {
        let _witness = Witness;
        pending::<Result<(), ()>>().await
    }));
    let mut call = Box::pin(service.call(()));
    assert!(call.as_mut().poll(&mut task::Context::from_waker(Waker::noop())).is_pending());
    drop(call);
    assert_eq!(ids().0, None);
}
