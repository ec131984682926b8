//! One file of checks for each part of the contract.

pub(crate) mod call;
pub(crate) mod cancel;
pub(crate) mod panic;
pub(crate) mod ready;

use tower_service::Service;

use crate::TestError;
use crate::drive::Driver;

/// What the kit checks.
pub(crate) trait Subject: Service<u32, Response = u32, Error = TestError> + Clone {}

impl<S: Service<u32, Response = u32, Error = TestError> + Clone> Subject for S {}

/// Makes it ready, in one poll where the inner service is ready.
async fn make_ready<S: Subject>(service: &mut S) {
    let ready = Driver::new().finish(0, |cx| service.poll_ready(cx)).await;
    assert!(ready.is_ok(), "not ready over an inner service that is: {ready:?}");
}
