//! The layer that logs each call: unheard, and with JSON lines into a sink.

use std::io;

use buttress::LogLayer;
use buttress::log::JsonLayer;
use tower::{Layer, Service};
use tracing::Dispatch;
use tracing::dispatcher::with_default;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;

use super::bare;
use crate::case::{Case, OURS, Subject};
use crate::drive::{Ends, calls};
use crate::service::{self, Failure};

pub(super) const CASES: [Case; 2] = [
    Case {
        name: "call-log/off",
        subjects: || vec![bare(), Subject::new(OURS, calls(layer(service::prompt()), Ends::Well))],
    },
    // Apart from the other: who listens to one log makes every thread look for one.
    Case { name: "call-log/json", subjects: || vec![bare(), at(LevelFilter::INFO), at(LevelFilter::DEBUG)] },
];

fn layer<S>(service: S) -> impl Service<u64, Response = u64, Error = Failure>
where
    S: Service<u64, Response = u64, Error = Failure>,
{
    LogLayer::new("payments").layer(service)
}

fn at(level: LevelFilter) -> Subject {
    listened(level, calls(layer(service::prompt()), Ends::Well))
}

/// `call` with a log at `level`: INFO has the end of every call, DEBUG its start too.
pub(super) fn listened(level: LevelFilter, mut call: impl FnMut(u64) + Send + 'static) -> Subject {
    let name = if level == LevelFilter::INFO { OURS.to_owned() } else { format!("{OURS}/debug") };
    let log = Dispatch::new(Registry::default().with(JsonLayer::new(io::sink)).with(level));
    Subject::new(name, move |n| with_default(&log, || call(n)))
}
