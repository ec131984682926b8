//! Whose events they are: those of a client have its name.
#![allow(clippy::unwrap_used)] // helpers of tests are tests

use std::fmt::Debug;
use std::mem;
use std::sync::{Arc, Mutex};

use buttress::{Error, Kind, Policy};
use tower::{Layer as _, ServiceExt, service_fn};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// What the events of retries say in their field `retry`.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl Visit for Told {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "retry" {
            self.0.lock().unwrap().push(value.to_owned());
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}

impl<S: Subscriber> Layer<S> for Told {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        event.record(&mut self.clone());
    }
}

/// The name of the client, unless its policy has one of its own.
#[tokio::test(start_paused = true)]
async fn a_clients_retries_have_its_name() {
    let told = Told::default();
    let _default = tracing::subscriber::set_default(tracing_subscriber::registry().with(told.clone()));
    let down = service_fn(|_: u32| async { Err::<(), _>(Error::new(Kind::NotFound, "no such order")) });
    for (policy, name) in
        [(Policy::exponential(), "payments"), (Policy::exponential().name("orders"), "orders")]
    {
        let client = buttress::client("payments").retry(policy).build().unwrap().layer(down);
        client.oneshot(7).await.unwrap_err();
        assert_eq!(mem::take(&mut *told.0.lock().unwrap()), [name]);
    }
}
