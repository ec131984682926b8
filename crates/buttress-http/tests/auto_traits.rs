//! What may cross threads.

use buttress_http::{
    BadStatus, Bearer, BearerLayer, BearerService, Body, BodyGuard, ByStatus, GrpcTimeout, GuardedBody,
    HttpLayer, HttpService, IdempotencyKeyLayer, IdempotencyKeyService, InvalidOrigin, Problem,
    ProblemDetails, Profile, ResponseFuture, Transport,
};
use http::Request;

fn send_sync_static<T: Send + Sync + 'static>() {}
fn unpin<T: Unpin>() {}
fn clone_debug<T: Clone + std::fmt::Debug>() {}

/// Not `Send`, not `Sync`.
type Local = std::rc::Rc<()>;

#[test]
fn everything_is_send_and_sync() {
    send_sync_static::<HttpLayer<Local>>();
    send_sync_static::<HttpService<(), Local>>();
    send_sync_static::<ResponseFuture<(), ()>>();
    send_sync_static::<Body>();
    send_sync_static::<BadStatus>();
    send_sync_static::<ByStatus>();
    send_sync_static::<Profile>();
    send_sync_static::<Transport>();
    send_sync_static::<InvalidOrigin>();
    send_sync_static::<GrpcTimeout>();
    send_sync_static::<BodyGuard>();
    send_sync_static::<GuardedBody<Body>>();
    unpin::<GuardedBody<Body>>();
    send_sync_static::<Bearer>();
    send_sync_static::<BearerLayer>();
    send_sync_static::<BearerService<()>>();
    send_sync_static::<IdempotencyKeyLayer>();
    send_sync_static::<IdempotencyKeyService<()>>();
    send_sync_static::<Problem>();
    send_sync_static::<ProblemDetails>();
    unpin::<Body>();
    unpin::<HttpService<(), Local>>();
    clone_debug::<HttpLayer<Request<Body>>>();
    clone_debug::<HttpService<u8, Request<Body>>>();
    clone_debug::<BadStatus>();
    clone_debug::<Problem>();
    clone_debug::<ProblemDetails>();
}
