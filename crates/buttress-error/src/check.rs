//! `check`: the compiler's own words for why a stack is no service.

use tower_service::Service;

/// Compiles exactly when `service` is a [`Service`] for `Req`, and else says why not.
///
/// On a stack whose bounds don't hold, `.ready()`, `.call()` and `.oneshot()` only report that the method does not
/// exist. This function names the bound that fails, with the notes of the traits involved.
///
/// ```
/// use buttress_error::{TranslateLayer, check};
/// use tower::{Layer, service_fn};
///
/// let service = TranslateLayer::new("echo").layer(service_fn(|n: u32| async move { Ok::<_, std::io::Error>(n) }));
/// check::<u32, _>(&service);
/// ```
pub const fn check<Req, S: Service<Req>>(service: &S) {
    let _ = service;
}
