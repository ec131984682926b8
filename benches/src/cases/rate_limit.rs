//! A rate limit that is never reached: as a layer, and around a plain function.

use std::hint::black_box;
use std::num::NonZeroU32;

use buttress::ratelimit::{Rate, RateLimit, RateLimitLayer};
use governor::{Quota, RateLimiter};
use tower::Layer;
use tower::limit::RateLimitLayer as TowerRateLimitLayer;
use tower_resilience_ratelimiter::RateLimiterLayer;

use super::bare;
use crate::case::{BARE, Case, OURS, Subject, named, with_each_error};
use crate::drive::{Ends, awaited, calls};
use crate::peers;
use crate::service::{App, Failure, prompt};

pub(super) const CASES: [Case; 2] = [
    Case { name: "rate-limit", subjects: || with_each_error!(layers()) },
    Case { name: "rate-limit-bare", subjects: || vec![bare_function(), ours_by_hand(), governor()] },
];

/// More permits per second than calls.
const PER_SECOND: u32 = 500_000_000;

fn layers<E: Failure>() -> Vec<Subject> {
    let mut rows = vec![
        bare::<E>(),
        Subject::new(
            named::<E>(OURS),
            calls(RateLimitLayer::per_second(PER_SECOND).layer(prompt::<E>()), Ends::Well),
        ),
    ];
    let layer = RateLimiterLayer::builder().limit_for_period(PER_SECOND as usize).build();
    let layer = layer.expect("valid settings");
    rows.push(Subject::new(
        named::<E>(peers::tower_resilience()),
        calls(layer.layer(prompt::<E>()), Ends::Well),
    ));
    // It has no clones, and counts down without an atomic.
    let layer = TowerRateLimitLayer::new(PER_SECOND.into(), std::time::Duration::from_secs(1));
    rows.push(Subject::new(named::<E>(peers::tower()), calls(layer.layer(prompt::<E>()), Ends::Well)));
    rows
}

#[inline(never)]
async fn work(request: u64) -> Result<u64, App> {
    Ok(black_box(request))
}

fn bare_function() -> Subject {
    Subject::new(BARE, awaited(Ends::Well, async |request| work(request).await))
}

fn ours_by_hand() -> Subject {
    let limit = RateLimit::new("search", Rate::per_second(PER_SECOND)).expect("valid settings");
    let call = async move |request| {
        limit.try_acquire(1)?;
        work(request).await
    };
    Subject::new(OURS, awaited(Ends::Well, call))
}

fn governor() -> Subject {
    let quota = Quota::per_second(NonZeroU32::new(PER_SECOND).expect("not zero"));
    let limiter = RateLimiter::direct(quota);
    let call = async move |request| match limiter.check() {
        Ok(()) => work(request).await,
        Err(_) => unreachable!("the rate is never reached"),
    };
    Subject::new(peers::governor(), awaited(Ends::Well, call))
}
