//! Layers whose every `layer()` call makes a circuit.

mod support;

use std::cell::RefCell;

use buttress_breaker::{BreakerLayer, Window};
use buttress_test::{Strict, conform};
use support::{fail, plain, trip};
use tower::Layer;

/// [S1] [S2] [S3] [S4] what every layer owes to tower: no circuit has a call in flight at rest.
#[tokio::test(start_paused = true)]
async fn conforms() {
    let layer = BreakerLayer::new("db").isolated();
    let circuits = RefCell::new(Vec::new());
    let isolated = |inner| {
        let service = layer.layer(inner);
        circuits.borrow_mut().push(service.breaker().clone());
        service
    };
    let at_rest = || circuits.borrow().iter().for_each(|breaker| assert_eq!(breaker.stats().in_flight(), 0));
    conform(isolated).at_rest(at_rest).run().await;
    let admitted: u64 = circuits.borrow().iter().map(|breaker| breaker.stats().admitted).sum();
    assert!(admitted > 10, "the calls went through them: {admitted}");
}

/// [S4] each `layer()` call has a circuit, the clones of its service share it, and the layer's own breaker is left alone.
#[tokio::test(start_paused = true)]
async fn a_circuit_for_each_layer_call() {
    let template = plain().build().unwrap();
    let layer = BreakerLayer::new(&template).isolated();
    let (one, two) = (layer.layer(Strict::new()), layer.clone().layer(Strict::new()));
    trip(one.breaker());
    assert!(one.clone().breaker().state().is_open());
    assert!(two.breaker().state().is_closed());
    assert!(layer.layer(Strict::new()).breaker().state().is_closed());
    assert_eq!(template.stats().admitted, 0);
    assert_eq!(two.breaker().name(), "db");
}

/// The circuits have the settings of the layer's breaker, whatever state that is in.
#[tokio::test(start_paused = true)]
async fn alike() {
    let template = plain().window(Window::consecutive(2)).build().unwrap();
    template.force_open();
    let service = BreakerLayer::new(template).isolated().layer(Strict::new());
    fail(service.breaker(), 1);
    assert!(service.breaker().state().is_closed());
    fail(service.breaker(), 1);
    assert!(service.breaker().state().is_open());
}
