//! The events. (Alone in its process: `tracing` caches for all threads who listens.)

mod support;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, OnceLock};

use buttress_breaker::Breaker;
use buttress_error::{Class, Kind};
use support::{admit, fail, plain, refused, secs, sleep, succeed};
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

type Seen = Arc<Mutex<Vec<BTreeMap<&'static str, String>>>>;

/// A listener that asks the breaker for its state from inside each event.
struct Listener {
    seen: Seen,
    breaker: Arc<OnceLock<Breaker>>,
}

impl<S: tracing::Subscriber> Layer<S> for Listener {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        assert_eq!(event.metadata().target(), "buttress::breaker");
        let mut fields = Fields(BTreeMap::from([("level", event.metadata().level().to_string())]));
        event.record(&mut fields);
        if let Some(breaker) = self.breaker.get() {
            fields.0.insert("asked", breaker.state().to_string());
            assert_eq!(breaker.stats().in_flight(), 0);
        }
        self.seen.lock().expect("no test panics under it").push(fields.0);
    }
}

struct Fields(BTreeMap<&'static str, String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}

fn line(fields: &BTreeMap<&'static str, String>, names: &[&str]) -> String {
    names.iter().map(|name| fields.get(name).map_or("-", String::as_str)).collect::<Vec<_>>().join(" ")
}

/// [S6] each change and each refusal is one event with the documented fields, told after the decision and outside the
/// lock: a listener that asks for the state gets the new one and does not deadlock.
#[tokio::test(start_paused = true)]
async fn events() {
    let seen = Seen::default();
    let breaker = plain().minimum_calls(4).build().unwrap();
    let listener = Listener { seen: Arc::clone(&seen), breaker: Arc::new(OnceLock::from(breaker.clone())) };
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(listener));
    succeed(&breaker, 2);
    fail(&breaker, 1);
    admit(&breaker).failure(Class::new(Kind::Unavailable).reason("DB_DOWN"));
    refused(&breaker);
    sleep(secs(5)).await;
    admit(&breaker).neutral();
    succeed(&breaker, 3);
    breaker.force_open();
    breaker.disable();
    breaker.shadow();
    breaker.release();
    let seen = seen.lock().unwrap();
    let names = ["level", "event", "breaker", "from", "to", "asked", "rule", "failed", "calls", "threshold"];
    let lines: Vec<_> = seen.iter().map(|fields| line(fields, &names)).collect();
    assert_eq!(
        lines,
        [
            "WARN breaker.opened db closed open open rate 2 4 0.5",
            "DEBUG breaker.rejected db - - open - - - -",
            "INFO breaker.half_open db open half_open half_open - - - -",
            "INFO breaker.closed db half_open closed closed - - - -",
            "WARN breaker.forced_open db closed forced_open forced_open - - - -",
            "WARN breaker.disabled db forced_open disabled disabled - - - -",
            "INFO breaker.closed db disabled closed closed - - - -",
            "WARN breaker.shadow db - - closed - - - -",
            "INFO breaker.unshadowed db - - closed - - - -",
        ]
    );
    let more = ["kind", "reason", "retry_after_ms", "shadow", "message"];
    assert_eq!(
        line(&seen[0], &more),
        "unavailable DB_DOWN 5000 false circuit opened: 2 of 4 failed, threshold 50 %, window 30s"
    );
    assert_eq!(line(&seen[1], &["rejection", "retry_after_ms"]), "circuit_open 5000");
}
