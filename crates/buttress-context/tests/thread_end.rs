//! Calls that are made while a thread ends: in the destructors of its locals. A panic there aborts the process.

use std::cell::RefCell;
use std::collections::HashSet;
use std::future::{Future, ready};
use std::pin::pin;
use std::sync::mpsc;
use std::task::{self, Poll, Waker};
use std::time::Duration;

use buttress_context::{
    Context, ContextLayer, Report, RequestId, Trace, with_current_context, with_current_context_future,
};
use tower::{Layer, Service, service_fn};

/// Runs when its thread local is dropped.
struct AtEnd(Box<dyn FnMut()>);

impl Drop for AtEnd {
    fn drop(&mut self) {
        (self.0)();
    }
}

thread_local! {
    static AT_END: RefCell<Option<AtEnd>> = const { RefCell::new(None) };
}

/// What `make` returns while a thread ends, whether it was called on that thread before or not, and whether its thread
/// locals are dropped before or after that.
fn while_threads_end<T: Send + 'static>(make: fn() -> T) -> Vec<T> {
    let (sender, receiver) = mpsc::channel();
    for early in [None, Some(true), Some(false)] {
        let sender = sender.clone();
        let thread = std::thread::spawn(move || {
            if early == Some(true) {
                make();
            }
            let at_end = AtEnd(Box::new(move || sender.send(make()).expect("the test is listening")));
            AT_END.with(|place| *place.borrow_mut() = Some(at_end));
            if early == Some(false) {
                make();
            }
        });
        thread.join().expect("no panic while the thread ends");
    }
    drop(sender);
    receiver.iter().collect()
}

fn all_differ<T: Eq + std::hash::Hash>(values: Vec<T>) {
    assert_eq!(values.len(), 3);
    assert_eq!(values.into_iter().collect::<HashSet<_>>().len(), 3);
}

/// This aborted the process: `rand`'s generator of the thread was gone.
#[test]
fn ids_are_made_while_a_thread_ends() {
    all_differ(while_threads_end(RequestId::random));
    all_differ(while_threads_end(|| Trace::random().trace_id()));
    all_differ(while_threads_end(|| Trace::random().child().span_id()));
    all_differ(while_threads_end(|| Trace::random().outgoing().span_id()));
    all_differ(while_threads_end(|| Context::current().with_ids().request_id().cloned()));
}

fn poll<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut task::Context::from_waker(Waker::noop()))
}

#[test]
fn a_call_through_the_layer_is_made_while_a_thread_ends() {
    all_differ(while_threads_end(|| {
        let mut service = ContextLayer::new()
            .layer(service_fn(|()| ready(Ok::<_, ()>(Context::read(|cx| cx.request_id().cloned())))));
        assert!(service.poll_ready(&mut task::Context::from_waker(Waker::noop())).is_ready());
        match poll(service.call(())) {
            Poll::Ready(Ok(id)) => id.expect("the layer gives each call an id"),
            _ => panic!("the service is ready at once"),
        }
    }));
}

/// So are deadlines, scopes and reports.
#[test]
fn a_context_is_entered_while_a_thread_ends() {
    let attempts = while_threads_end(|| {
        let cx = Context::current().with_timeout(Duration::from_secs(1)).with_attempt(2).with_field("a", 1);
        assert!(!cx.deadline().remaining().unwrap().is_zero());
        cx.run(|| {
            Report::write(|report| report.attempts = 2);
            let inside = with_current_context(|| Context::detached(|| Context::current().attempt()))();
            (poll(with_current_context_future(async { Context::read(Context::attempt) })), inside)
        })
    });
    assert_eq!(attempts, [(Poll::Ready(2), 1); 3]);
}
