//! What a call tells its caller.

use std::fmt;
use std::future::{Future, pending};
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{self, Poll, Waker};
use std::time::Duration;

use buttress_context::{Context, Frame, Report, Scope};
use buttress_error::{Cause, Class, Error, Kind, StopReason};

fn cause(kind: Kind) -> Cause {
    Cause::new(&Class::new(kind), None)
}

/// What is reported inside of `inside`.
fn reported(inside: impl FnOnce()) -> Report {
    let mut frame = Frame::boundary(Context::default());
    {
        let _entered = frame.enter();
        inside();
    }
    frame.report
}

fn write_all() {
    Report::write(|report| {
        report.attempts = 3;
        report.delay = Duration::from_secs(1);
        report.degraded = true;
        report.stopped = Some(StopReason::Attempts);
        report.last = Some(cause(Kind::Unavailable));
    });
}

fn is_all(report: &Report) -> bool {
    report.attempts == 3
        && report.delay == Duration::from_secs(1)
        && report.degraded
        && report.stopped == Some(StopReason::Attempts)
        && report.last.as_ref().is_some_and(|last| last.kind == Kind::Unavailable)
}

#[test]
fn a_report_goes_to_the_frame_that_is_current() {
    assert!(is_all(&reported(write_all)));
    assert!(!is_all(&reported(|| {})));
}

#[test]
fn outside_of_any_call_nothing_is_written() {
    Report::write(|_| unreachable!("there is no report"));
    assert!(!is_all(&reported(|| {})), "and nothing waits for the next call");
}

#[test]
fn the_end_of_a_scope_hands_the_report_on() {
    let by_run = reported(|| Context::default().run(write_all));
    assert!(is_all(&by_run));

    let by_poll = reported(|| {
        let scope = pin!(Context::default().scope(async { write_all() }));
        assert!(scope.poll(&mut task::Context::from_waker(Waker::noop())).is_ready());
    });
    assert!(is_all(&by_poll));

    let by_drop = reported(|| {
        let mut scope = Box::pin(Context::default().scope(async {
            write_all();
            pending::<()>().await;
        }));
        assert!(scope.as_mut().poll(&mut task::Context::from_waker(Waker::noop())).is_pending());
        drop(scope);
    });
    assert!(is_all(&by_drop));
}

#[test]
fn a_boundary_keeps_the_report() {
    let mut inner = None;
    let outer = reported(|| {
        let mut frame = Frame::boundary(Context::default());
        {
            let _entered = frame.enter();
            write_all();
        }
        frame.close();
        inner = Some(frame.report);
    });
    assert!(is_all(&inner.unwrap()));
    assert!(!is_all(&outer) && outer.attempts == 0 && outer.last.is_none());

    let mut scope = Box::pin(Scope::new(Frame::boundary(Context::default()), async { write_all() }));
    assert_eq!(scope.as_mut().poll(&mut task::Context::from_waker(Waker::noop())), Poll::Ready(()));
    assert!(is_all(&scope.frame().report));
}

/// An inner scope that reports nothing changes nothing; one that does speaks of what it knows.
#[test]
fn absorbing_keeps_what_the_inner_scope_does_not_know() {
    let report = reported(|| {
        write_all();
        Context::default().run(|| {});
        Context::default().run(|| Report::write(|report| report.last = Some(cause(Kind::Timeout))));
    });
    assert_eq!((report.attempts, report.stopped), (3, Some(StopReason::Attempts)));
    assert_eq!(report.last.map(|last| last.kind), Some(Kind::Timeout));
    assert!(report.degraded);

    let report = reported(|| {
        write_all();
        Context::default().run(|| Report::write(|report| report.attempts = 1));
    });
    assert_eq!(
        (report.attempts, report.delay, report.stopped),
        (1, Duration::ZERO, None),
        "one retry layer spoke"
    );
    assert!(report.degraded && report.last.is_some());
}

/// A timeout ends its inner future so: what that had reported is handed out, and goes on as well.
#[test]
fn cancelling_returns_the_report() {
    let mut cancelled = None;
    let outer = reported(|| {
        let mut scope = pin!(Context::default().scope(async {
            write_all();
            pending::<()>().await;
        }));
        assert!(scope.as_mut().poll(&mut task::Context::from_waker(Waker::noop())).is_pending());
        cancelled = Some(scope.cancel());
    });
    assert!(is_all(&cancelled.unwrap()));
    assert!(is_all(&outer));
}

/// What the calls in a future report is handed out, and goes on as well; dropped before its end it goes on.
#[test]
fn the_report_of_a_future() {
    let mut handed_out = None;
    let outer = reported(|| {
        Context::default().with_attempt(7).run(|| {
            let mut of = pin!(Report::of(async {
                write_all();
                Context::read(Context::attempt)
            }));
            let Poll::Ready(output) = of.as_mut().poll(&mut task::Context::from_waker(Waker::noop())) else {
                unreachable!("it is ready at once")
            };
            handed_out = Some(output);
        });
    });
    let (attempt, report) = handed_out.unwrap();
    assert_eq!(attempt, 7, "in the context that is current");
    assert!(is_all(&report) && is_all(&outer));

    let dropped = reported(|| {
        let mut of = Box::pin(Report::of(async {
            write_all();
            pending::<()>().await;
        }));
        assert!(of.as_mut().poll(&mut task::Context::from_waker(Waker::noop())).is_pending());
        drop(of);
    });
    assert!(is_all(&dropped));

    // What was reported before it, around it, is not its own.
    let outer = reported(|| {
        write_all();
        let mut of = pin!(Report::of(async {}));
        let Poll::Ready(((), report)) = of.as_mut().poll(&mut task::Context::from_waker(Waker::noop()))
        else {
            unreachable!("it is ready at once")
        };
        assert_eq!((report.attempts, report.degraded), (0, false));
    });
    assert!(is_all(&outer));
}

static DROPS: AtomicU32 = AtomicU32::new(0);

/// An error whose drop does what a log line does: it reads the context, enters one, and reports.
#[derive(Debug)]
struct Curious;

impl Drop for Curious {
    fn drop(&mut self) {
        assert_eq!(Context::read(Context::attempt), 7);
        Context::current().with_attempt(8).run(|| assert_eq!(Context::current().attempt(), 8));
        Report::write(|report| report.degraded = true);
        DROPS.fetch_add(1, Ordering::Relaxed);
    }
}

impl fmt::Display for Curious {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("curious")
    }
}

impl std::error::Error for Curious {}

/// The code of others never runs while the cell is borrowed: it used to, and a log line in a drop panicked.
#[test]
fn writing_a_report_may_run_any_code() {
    let mut frame = Frame::boundary(Context::default().with_attempt(7));
    {
        let _entered = frame.enter();
        let error = Error::wrap(Kind::Unavailable, Curious);
        Report::write(|report| report.last = Some(Cause::new(&Class::new(Kind::Unavailable), Some(error))));
        Report::write(|report| {
            assert_eq!(Context::current().attempt(), 7);
            report.last = Some(cause(Kind::Timeout));
            report.attempts = 2;
        });
        assert_eq!(DROPS.load(Ordering::Relaxed), 1);

        let error = Error::wrap(Kind::Unavailable, Curious);
        Report::write(|report| report.last = Some(Cause::new(&Class::new(Kind::Unavailable), Some(error))));
        Context::current().run(|| Report::write(|report| report.last = Some(cause(Kind::Aborted))));
        assert_eq!(DROPS.load(Ordering::Relaxed), 2, "and when a scope ends");
    }
    assert_eq!(frame.report.attempts, 2);
    assert!(frame.report.degraded, "what the drop reported is not lost");
    assert_eq!(frame.report.last.map(|last| last.kind), Some(Kind::Aborted));
}

/// Each scope has a report of its own, however little is in it, whether the one around it is empty or not.
#[test]
fn reports_do_not_mix() {
    let little: [fn(&mut Report); 5] = [
        |report| report.attempts = 1,
        |report| report.delay = Duration::from_nanos(1),
        |report| report.degraded = true,
        |report| report.stopped = Some(StopReason::Budget),
        |report| report.last = Some(cause(Kind::Timeout)),
    ];
    for write in little {
        for before in [false, true] {
            let written = |report: &Report| format!("{report:?}");
            let mut around = Report::default();
            let inner = reported(|| {
                let outer = reported(|| {
                    if before {
                        write_all();
                    }
                    around = reported(|| Report::write(write));
                });
                assert_eq!(is_all(&outer), before);
                assert!(before || written(&outer) == written(&Report::default()), "{outer:?}");
            });
            assert_eq!(written(&inner), written(&Report::default()));
            let mut expected = Report::default();
            write(&mut expected);
            assert_eq!(written(&around), written(&expected));
        }
    }
}
