//! `wait_until_admitted`.

mod support;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use buttress_breaker::{Breaker, Permit, State};
use buttress_context::Context;
use buttress_error::{Kind, Rejection, RejectionReason};
use support::{admit, defaults, fail, ms, plain, probe, refused, secs, sleep, succeed, trip};
use tokio::time::Instant;

async fn wait(breaker: &Breaker, time: Duration) -> Result<Permit, Rejection> {
    breaker.wait_until_admitted(Instant::now() + time).await
}

/// A task that waits, and says when it was admitted.
fn waiter(breaker: &Breaker) -> tokio::task::JoinHandle<Duration> {
    let (breaker, began) = (breaker.clone(), Instant::now());
    tokio::spawn(async move {
        wait(&breaker, secs(1_000)).await.expect("in time").neutral();
        began.elapsed()
    })
}

async fn settle_down() {
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
}

/// [S3] [S26] it waits for exactly the wait of the circuit, and is a probe then; a closed circuit admits at once.
#[tokio::test(start_paused = true)]
async fn waits_as_long_as_it_takes() {
    let breaker = plain().build().unwrap();
    let began = Instant::now();
    wait(&breaker, secs(0)).await.unwrap().success();
    trip(&breaker);
    let permit = wait(&breaker, secs(60)).await.unwrap();
    assert_eq!((began.elapsed(), breaker.state()), (secs(5), State::HalfOpen));
    permit.failure(Kind::Unavailable);
    wait(&breaker, secs(60)).await.unwrap().success();
    assert_eq!(began.elapsed(), secs(15));
    assert_eq!(breaker.stats().rejected, 0);
}

/// [S26] the deadline ends the wait with the refusal of that moment, which alone is counted; so does the context's.
#[tokio::test(start_paused = true)]
async fn the_deadline_ends_it() {
    let breaker = plain().build().unwrap();
    trip(&breaker);
    let began = Instant::now();
    let rejection = wait(&breaker, secs(3)).await.unwrap_err();
    assert_eq!((rejection.reason(), rejection.retry_after()), (RejectionReason::CircuitOpen, Some(secs(2))));
    let hurried = Context::current().with_timeout(secs(1)).scope(wait(&breaker, secs(60)));
    assert_eq!(hurried.await.unwrap_err().retry_after(), Some(secs(1)));
    assert_eq!((began.elapsed(), breaker.stats().rejected), (secs(4), 2));
    let patient = Context::current().with_timeout(secs(60)).scope(wait(&breaker, ms(1)));
    patient.await.unwrap_err();
    breaker.force_open();
    assert_eq!(wait(&breaker, secs(100)).await.unwrap_err().reason(), RejectionReason::ForcedOpen);
}

/// [S3] a reset, a release and a shadow wake waiters at any time.
#[tokio::test(start_paused = true)]
async fn orders_wake() {
    for (before, after) in [
        (Breaker::force_open as fn(&Breaker), Breaker::release as fn(&Breaker)),
        (|breaker| fail(breaker, 5), Breaker::reset),
        (|breaker| fail(breaker, 5), Breaker::disable),
        (Breaker::force_open, Breaker::shadow),
    ] {
        let breaker = plain().build().unwrap();
        before(&breaker);
        let waiter = waiter(&breaker);
        settle_down().await;
        sleep(ms(7)).await;
        assert!(!waiter.is_finished());
        after(&breaker);
        assert_eq!(waiter.await.unwrap(), ms(7));
    }
}

/// [S22] while all probes are under way it waits for a slot: one that is given back, the end of a lease, or the end of the
/// round.
#[tokio::test(start_paused = true)]
async fn slots_wake() {
    let breaker = defaults().probes(1).build().unwrap();
    let probe = probe(&breaker).await;
    let neutral = waiter(&breaker);
    settle_down().await;
    sleep(secs(1)).await;
    probe.neutral();
    assert_eq!(neutral.await.unwrap(), secs(1));

    let _hung = admit(&breaker);
    assert_eq!(waiter(&breaker).await.unwrap(), secs(20), "the lease, and the second wait");

    let breaker = plain().build().unwrap();
    let probes = [support::probe(&breaker).await, admit(&breaker), admit(&breaker)];
    let closed = waiter(&breaker);
    settle_down().await;
    probes.into_iter().for_each(Permit::success);
    assert_eq!(closed.await.unwrap(), secs(0));
}

/// [S22] a thousand who wait are three probes and no more, round by round; once the circuit closes, all are admitted.
#[tokio::test(start_paused = true)]
async fn a_thousand_wait() {
    let breaker = plain().build().unwrap();
    trip(&breaker);
    let (admitted, failing) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(2)));
    for _ in 0..1_000 {
        let (breaker, admitted, failing) = (breaker.clone(), Arc::clone(&admitted), Arc::clone(&failing));
        tokio::spawn(async move {
            let permit = wait(&breaker, secs(1_000)).await.unwrap();
            admitted.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(ms(100)).await;
            let fails = failing.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
            if fails.is_ok() { permit.failure(Kind::Unavailable) } else { permit.success() }
        });
    }
    let mut seen = Vec::new();
    for _ in 0..200 {
        tokio::time::sleep(ms(100)).await;
        let count = admitted.load(Ordering::Relaxed);
        if seen.last() != Some(&count) {
            seen.push(count);
        }
    }
    assert_eq!(seen, [0, 3, 6, 1_000], "a round that fails, one that succeeds, and all the rest");
    assert_eq!((breaker.state(), breaker.stats().rejected), (State::Closed, 0));
}

/// [S3] it is polled when something has happened, and never in between.
#[tokio::test(start_paused = true)]
async fn no_busy_loop() {
    let breaker = plain().open_wait(support::exactly(secs(3_600))).build().unwrap();
    trip(&breaker);
    let mut polls = 0;
    {
        let mut waiting = pin!(wait(&breaker, secs(10_000)));
        let counted = std::future::poll_fn(|cx| {
            polls += 1;
            waiting.as_mut().poll(cx).map(|permit| permit.unwrap().success())
        });
        counted.await;
    }
    assert!(polls <= 3, "{polls} polls");
}

/// [S1] dropped while it waits it has taken nothing, and who else waits still gets what it was woken for.
#[tokio::test(start_paused = true)]
async fn dropped_it_takes_nothing() {
    let breaker = defaults().probes(1).build().unwrap();
    trip(&breaker);
    let before = breaker.stats();
    for time in [secs(0), secs(4)] {
        tokio::time::timeout(time, wait(&breaker, secs(100))).await.unwrap_err();
    }
    assert_eq!(breaker.stats(), before);
    sleep(secs(1)).await;
    let probe = admit(&breaker);
    let waiters = [waiter(&breaker), waiter(&breaker)];
    settle_down().await;
    probe.neutral();
    waiters[0].abort();
    let [_, second] = waiters;
    assert_eq!(second.await.unwrap(), secs(0));
    assert_eq!(breaker.stats().in_flight(), 0);
    refused_nobody(&breaker);
}

fn refused_nobody(breaker: &Breaker) {
    assert_eq!(breaker.stats().rejected, 0);
    let _probe = admit(breaker);
    refused(breaker);
    drop(_probe);
    succeed(breaker, 1);
    assert!(breaker.state().is_closed());
}
