//! What the tests share.
#![allow(dead_code)]

use std::time::Duration;

use buttress_breaker::{Breaker, BreakerBuilder, BreakerLayer, BreakerService, OpenWait, Permit, Probes};
use buttress_error::{Kind, Rejection};
use buttress_test::{Strict, TestError};
use tower::{Layer, Service, ServiceExt};

pub(crate) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub(crate) async fn sleep(time: Duration) {
    tokio::time::advance(time).await;
}

/// Five failures in a row open it for exactly 5 s, and three probes have to succeed.
pub(crate) fn plain() -> BreakerBuilder {
    defaults().consecutive_failures(5).probes(Probes::new(3).to_close(3))
}

/// The wait without jitter.
pub(crate) fn exactly(base: Duration) -> OpenWait {
    OpenWait::new(base).jitter(0.0)
}

/// The default settings with exact times.
pub(crate) fn defaults() -> BreakerBuilder {
    Breaker::builder("db").open_wait(exactly(secs(5)))
}

pub(crate) fn admit(breaker: &Breaker) -> Permit {
    breaker.admit().expect("the circuit admits the call")
}

pub(crate) fn refused(breaker: &Breaker) -> Rejection {
    breaker.admit().map(drop).expect_err("the circuit refuses the call")
}

pub(crate) fn succeed(breaker: &Breaker, times: u32) {
    (0..times).for_each(|_| admit(breaker).success());
}

pub(crate) fn fail(breaker: &Breaker, times: u32) {
    (0..times).for_each(|_| admit(breaker).failure(Kind::Unavailable));
}

/// Opens a circuit with the rules of [`plain`] or the default ones.
pub(crate) fn trip(breaker: &Breaker) {
    (0..20).for_each(|_| {
        if breaker.state().is_closed() {
            fail(breaker, 1);
        }
    });
    assert!(breaker.state().is_open());
}

/// Opens it, waits the first wait, and takes the first probe.
pub(crate) async fn probe(breaker: &Breaker) -> Permit {
    trip(breaker);
    sleep(secs(5)).await;
    let permit = admit(breaker);
    assert!(breaker.state().is_half_open());
    permit
}

pub(crate) fn service(breaker: &Breaker, inner: Strict) -> BreakerService<Strict> {
    BreakerLayer::new(breaker).layer(inner)
}

pub(crate) async fn call(service: &mut BreakerService<Strict>) -> Result<u32, TestError> {
    service.ready().await?.call(7).await
}
