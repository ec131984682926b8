//! Events of a breaker whose clock is not at zero. (Alone in its process: `tracing` caches for all threads who listens.)

mod support;

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use buttress_breaker::{Breaker, Window};
use buttress_error::Kind;
use support::{admit, secs, sleep};
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

#[derive(Clone, Default)]
struct Waits(Arc<Mutex<Vec<u64>>>);

impl<S: tracing::Subscriber> Layer<S> for Waits {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        event.record(&mut self.clone());
    }
}

impl Visit for Waits {
    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "retry_after_ms" {
            self.0.lock().expect("no test panics under it").push(value);
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}

/// [S6] the event of a circuit that opens says how long it waits, not when that ends.
#[tokio::test(start_paused = true)]
async fn the_opened_event_tells_the_wait() {
    let waits = Waits::default();
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(waits.clone()));
    let builder = Breaker::builder("db").window(Window::consecutive(1));
    let breaker = builder.open_wait(support::exactly(secs(5))).probes(1).build().unwrap();
    sleep(secs(100)).await;
    admit(&breaker).failure(Kind::Unavailable);
    sleep(secs(5)).await;
    admit(&breaker).failure(Kind::Unavailable);
    assert_eq!(*waits.0.lock().unwrap(), [5_000, 10_000]);
}
