//! Where a context is current: in the polls and the drop of its own future, and nowhere else.

use std::cell::RefCell;
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{self, Poll, Waker};

use buttress_context::{Context, Frame, Report, RequestId, Scope, Trace, Value};
use tokio::time::Instant;

fn named(name: &'static str) -> Context {
    Context::default().with_field("name", name)
}

/// The name in the current context; empty outside of any.
fn name() -> String {
    Context::read(|cx| match cx.fields().next() {
        Some((_, Value::Str(name))) => name.to_string(),
        _ => String::new(),
    })
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut task::Context::from_waker(Waker::noop()))
}

/// Ready at its third poll; says the name it saw in each.
async fn three_polls(seen: &RefCell<Vec<String>>) {
    let mut polls = 0;
    poll_fn(|_| {
        seen.borrow_mut().push(name());
        polls += 1;
        if polls < 3 { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
}

/// Writes down which context was current when it was dropped.
struct Witness(Arc<Mutex<Vec<String>>>);

impl Witness {
    fn new() -> (Self, Arc<Mutex<Vec<String>>>) {
        let seen = Arc::default();
        (Self(Arc::clone(&seen)), seen)
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.0.lock().expect("no panic under this lock").push(name());
    }
}

/// [S39] a context is set on each poll, and reset after it.
#[test]
fn it_is_current_in_each_poll_and_not_between() {
    let seen = RefCell::default();
    let mut future = pin!(named("a").scope(three_polls(&seen)));
    assert_eq!(name(), "");
    while poll(future.as_mut()).is_pending() {
        assert_eq!(name(), "");
    }
    assert_eq!(name(), "");
    assert_eq!(*seen.borrow(), ["a", "a", "a"]);
}

/// [S39] each thing that a context may say, alone or with all others, is current inside and gone outside, in whatever
/// context it is entered.
#[test]
fn all_that_a_context_says_comes_and_goes() {
    type With = fn(Context) -> Context;
    let withs: [With; 10] = [
        |cx| cx.with_request_id(RequestId::random()),
        |cx| cx.with_trace(Trace::random()),
        Context::with_ids,
        |cx| cx.with_deadline(Instant::now()),
        |cx| cx.with_attempt(7),
        |cx| cx.with_idempotent(true),
        Context::with_inner_retries_disabled,
        |cx| cx.with_max_attempts(9),
        |cx| cx.with_field("customer", 17),
        |cx| cx.with_extension("tenant"),
    ];
    let all = withs.iter().fold(Context::default(), |cx, with| with(cx));
    let alone = withs.iter().map(|with| with(Context::default()));
    let contexts: Vec<_> = alone.chain([Context::default(), all]).collect();
    let current = || Context::read(|cx| format!("{cx:?}"));
    for outer in &contexts {
        for inner in &contexts {
            outer.clone().run(|| {
                inner.clone().run(|| assert_eq!(current(), format!("{inner:?}")));
                assert_eq!(current(), format!("{outer:?}"));
            });
            assert_eq!(current(), format!("{:?}", Context::default()));
        }
    }
}

/// [S39] whoever polls has the context that it had, whatever the future inside has.
#[test]
fn nested_scopes_each_see_their_own() {
    let (inner, outer) = (RefCell::default(), RefCell::<Vec<_>>::default());
    let mut future = pin!(named("outer").scope(async {
        let mut scope = pin!(named("inner").scope(three_polls(&inner)));
        poll_fn(|cx| {
            outer.borrow_mut().push(name());
            let ready = scope.as_mut().poll(cx);
            outer.borrow_mut().push(name());
            ready
        })
        .await;
    }));
    while poll(future.as_mut()).is_pending() {}
    assert_eq!(*inner.borrow(), ["inner"; 3]);
    assert_eq!(*outer.borrow(), ["outer"; 6]);
    assert_eq!(name(), "");
}

/// [S39] tasks that take turns on one thread never see each other's context.
#[tokio::test]
async fn it_does_not_leak_to_another_task() {
    const NAMES: [&str; 4] = ["a", "b", "c", ""];
    let tasks = NAMES.map(|own| {
        tokio::spawn(async move {
            for _ in 0..100 {
                let work = async {
                    for _ in 0..3 {
                        assert_eq!(name(), own);
                        tokio::task::yield_now().await;
                        assert_eq!(name(), own);
                    }
                };
                if own.is_empty() {
                    work.await;
                } else {
                    named(own).scope(work).await;
                }
                assert_eq!(name(), "");
            }
        })
    });
    for task in tasks {
        task.await.unwrap();
    }
}

/// [S39] a future that moves to another thread takes its context along and leaves nothing behind.
#[test]
fn it_moves_with_its_future() {
    let mut future = Box::pin(named("a").scope(async {
        let mut polls = 0;
        poll_fn(|_| {
            assert_eq!(name(), "a");
            polls += 1;
            if polls < 2 { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
    }));
    assert!(poll(future.as_mut()).is_pending());
    let elsewhere = std::thread::spawn(move || {
        assert!(poll(future.as_mut()).is_ready());
        name()
    });
    assert_eq!(elsewhere.join().unwrap(), "");
    assert_eq!(name(), "");
}

/// [S39] the context is current while the future is dropped: before its first poll, after some, and when it is done.
#[test]
fn it_is_current_while_the_future_is_dropped() {
    let (witness, seen) = Witness::new();
    drop(named("never polled").scope(async move {
        let _witness = witness;
    }));
    assert_eq!(*seen.lock().unwrap(), ["never polled"]);

    let (witness, seen) = Witness::new();
    let mut future = Box::pin(named("polled").scope(async move {
        let _witness = witness;
        pending::<()>().await;
    }));
    assert!(poll(future.as_mut()).is_pending());
    named("elsewhere").run(|| drop(future));
    assert_eq!(*seen.lock().unwrap(), ["polled"]);

    // What outlives the last poll is dropped at its end, and not together with the scope.
    let (witness, seen) = Witness::new();
    let mut future = pin!(named("done").scope(poll_fn(move |_| {
        let _ = &witness;
        Poll::Ready(())
    })));
    assert!(poll(future.as_mut()).is_ready());
    assert_eq!(*seen.lock().unwrap(), ["done"]);
    assert_eq!(name(), "");
}

#[test]
fn run_is_a_scope_for_a_closure() {
    let answer = named("outer").run(|| {
        assert_eq!(named("inner").run(name), "inner");
        name()
    });
    assert_eq!((answer.as_str(), name().as_str()), ("outer", ""));
}

fn boom() {
    resume_unwind(Box::new("boom"));
}

/// [S39] [S2] a panic resets the context, in a closure and in a poll, and goes on.
#[test]
fn a_panic_restores_the_context_around() {
    named("outer").run(|| {
        assert!(catch_unwind(AssertUnwindSafe(|| named("inner").run(boom))).is_err());
        assert_eq!(name(), "outer");

        let (witness, seen) = Witness::new();
        let mut future = Box::pin(named("inner").scope(poll_fn(move |_| -> Poll<()> {
            let _ = &witness;
            boom();
            Poll::Pending
        })));
        assert!(catch_unwind(AssertUnwindSafe(|| poll(future.as_mut()))).is_err());
        assert_eq!(name(), "outer");
        drop(future);
        assert_eq!(*seen.lock().unwrap(), ["inner"], "what the panic left is dropped in its scope");
    });
    assert_eq!(name(), "");
}

/// [S39] a panic in the drop of the future resets the context, too.
#[test]
fn a_panic_in_a_drop_restores_the_context_around() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            boom();
        }
    }
    named("outer").run(|| {
        let bomb = Bomb;
        let future = named("inner").scope(async move {
            let _bomb = bomb;
        });
        assert!(catch_unwind(AssertUnwindSafe(|| drop(future))).is_err());
        assert_eq!(name(), "outer");

        let bomb = Bomb;
        let mut future = Box::pin(named("inner").scope(poll_fn(move |_| {
            let _ = &bomb;
            Poll::Ready(())
        })));
        assert!(catch_unwind(AssertUnwindSafe(|| poll(future.as_mut()))).is_err());
        assert_eq!(name(), "outer");
        drop(future);
        assert_eq!(name(), "outer");
    });
}

/// A closure that reads may panic, or read again.
#[test]
fn reading_may_nest_and_panic() {
    named("a").run(|| {
        assert_eq!(Context::read(|_| name()), "a");
        assert!(catch_unwind(|| Context::read(|_| boom())).is_err());
        assert_eq!(named("b").run(name), "b", "the cell is not borrowed forever");
    });
}

/// [S39] a future that is cancelled is dropped in its scope, at once. Cancelling one that is done does nothing.
#[test]
fn cancelling_drops_in_the_scope() {
    let (witness, seen) = Witness::new();
    let mut future = pin!(named("cancelled").scope(async move {
        let _witness = witness;
        pending::<()>().await;
    }));
    assert!(poll(future.as_mut()).is_pending());
    named("elsewhere").run(|| {
        future.as_mut().cancel();
        assert_eq!(*seen.lock().unwrap(), ["cancelled"]);
        assert_eq!(name(), "elsewhere");
        future.as_mut().cancel();
    });
    assert_eq!(seen.lock().unwrap().len(), 1);
}

#[test]
#[should_panic(expected = "polled after completion")]
fn a_scope_is_polled_no_more_once_it_is_done() {
    let mut future = pin!(named("a").scope(async {}));
    assert!(poll(future.as_mut()).is_ready());
    let _ = poll(future);
}

/// A scope that lives in a thread local is dropped while the thread ends, whichever of the two was touched first: in its
/// own context, and nothing panics.
#[test]
fn a_thread_may_end_with_a_scope() {
    thread_local! {
        static KEPT: RefCell<Option<Pin<Box<dyn Future<Output = ()>>>>> = const { RefCell::new(None) };
    }
    for frame_first in [true, false] {
        let (witness, seen) = Witness::new();
        let thread = std::thread::spawn(move || {
            let touch_kept = || KEPT.with(|kept| drop(kept.borrow()));
            let touch_frame = || drop(Context::current());
            if frame_first {
                touch_frame();
                touch_kept();
            } else {
                touch_kept();
                touch_frame();
            }
            let future = Box::pin(named("kept").scope(async move {
                let _witness = witness;
                Report::write(|report| report.attempts = 1);
                pending::<()>().await;
            }));
            KEPT.with(|kept| *kept.borrow_mut() = Some(future));
        });
        thread.join().expect("no panic while the thread ends");
        let seen = seen.lock().unwrap();
        assert_eq!(seen.len(), 1, "dropped once");
        // Other platforms may take all thread locals away, dropped or not.
        if cfg!(target_os = "linux") {
            assert_eq!(seen[0], "kept");
        }
    }
}

/// A frame can be entered by hand; meanwhile it holds the one around it.
#[test]
fn a_frame_is_entered_by_hand() {
    let mut frame = Frame::new(named("a"));
    {
        let _entered = frame.enter();
        assert_eq!(name(), "a");
    }
    assert_eq!(name(), "");
    let future = Scope::new(frame, async { name() });
    assert_eq!(poll(pin!(future)), Poll::Ready("a".to_owned()));
}

/// [S39] The two quick looks at the current context say what it says itself, whichever way it became current or ended.
#[test]
fn quick_looks_agree_with_the_context() {
    fn agreed() -> (bool, bool) {
        let (deadline, overrides) = Context::read(|cx| {
            let overrides = cx.inner_retries_disabled()
                || cx.max_attempts().is_some()
                || cx.extension::<&str>().is_some();
            (cx.deadline(), overrides)
        });
        assert_eq!(Context::current_deadline(), deadline);
        assert_eq!(Context::current_overrides(), overrides);
        (!deadline.is_none(), overrides)
    }

    let urgent = || Context::default().with_timeout(std::time::Duration::from_secs(60));
    assert_eq!(agreed(), (false, false));
    for steering in [
        Context::default().with_max_attempts(7),
        Context::default().without_retries(),
        Context::default().with_inner_retries_disabled(),
        Context::default().with_extension("of one's own"),
    ] {
        let inside = steering.clone().run(|| {
            let within = urgent().run(agreed);
            let both = Context::current().with_deadline(urgent().deadline().instant().unwrap()).run(agreed);
            let caught = catch_unwind(|| urgent().run(|| panic!("on the way out")));
            assert!(caught.is_err());
            let elsewhere = std::thread::spawn(agreed).join().unwrap();
            [within, both, agreed(), elsewhere]
        });
        assert_eq!(inside, [(true, false), (true, true), (false, true), (false, false)]);

        let mut future = Box::pin(steering.scope(urgent().scope(async {
            agreed();
            pending::<()>().await;
        })));
        assert!(poll(future.as_mut()).is_pending());
        assert_eq!(agreed(), (false, false));
        drop(future);
    }
    assert_eq!(agreed(), (false, false));
}
