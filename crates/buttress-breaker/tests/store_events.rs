//! The events of a lost store. (In a process of its own: `tracing` caches for all threads who listens.)

use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use buttress_breaker::Breaker;
use buttress_breaker::fleet::{FleetSettings, FleetState, StateStore, SyncReply, SyncReport};
use buttress_error::{Error, Kind};
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

#[derive(Clone, Default)]
struct Listener(Arc<Mutex<Vec<String>>>);

impl<S: tracing::Subscriber> Layer<S> for Listener {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut text = Text(event.metadata().level().to_string());
        event.record(&mut text);
        self.0.lock().expect("no panic").push(text.0);
    }
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if ["event", "breaker", "kind"].contains(&field.name()) {
            self.0 += &format!(" {value:?}");
        }
    }
}

/// A store of a fleet that never opens.
#[derive(Clone, Copy, PartialEq)]
enum Health {
    Up,
    Down,
    Hung,
}

struct Store(Arc<Mutex<Health>>);

impl StateStore for Store {
    async fn exchange(&self, _: &str, _: &FleetSettings, _: &SyncReport) -> Result<SyncReply, Error> {
        let health = *self.0.lock().expect("no panic");
        match health {
            Health::Up => Ok(SyncReply { incarnation: 1, epoch: 1, state: FleetState::Closed, lease: None }),
            Health::Down => Err(Error::new(Kind::Unavailable, "connection refused")),
            Health::Hung => std::future::pending().await,
        }
    }
}

/// [S42] the loss of the store is one WARN, its return one INFO, however long it was away and however many calls there were.
#[tokio::test(start_paused = true)]
async fn one_line_each() {
    let listener = Listener::default();
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(listener.clone()));
    let health = Arc::new(Mutex::new(Health::Up));
    let breaker = Breaker::new("db");
    let task = tokio::spawn(breaker.clone().join_fleet(Store(Arc::clone(&health))));
    for (now, seconds) in [(Health::Up, 1), (Health::Down, 100), (Health::Up, 10), (Health::Hung, 100)] {
        *health.lock().expect("no panic") = now;
        for _ in 0..seconds * 10 {
            breaker.admit().expect("closed").success();
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    task.abort();
    assert_eq!(
        *listener.0.lock().unwrap(),
        [
            r#"WARN "breaker.store_lost" "db" "unavailable""#,
            r#"INFO "breaker.store_found" "db""#,
            r#"WARN "breaker.store_lost" "db" "timeout""#,
        ]
    );
}
