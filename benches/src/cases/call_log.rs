//! The layer that logs each call: without a subscriber, and with JSON lines into a sink.

use std::io;

use buttress::LogLayer;
use buttress::log::JsonLayer;
use tower::Layer;
use tracing::Dispatch;
use tracing::dispatcher::with_default;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;

use super::bare;
use crate::case::{Case, OURS, Subject, named, with_each_error};
use crate::drive::{Ends, calls};
use crate::service::{self, App, Failure};

pub(super) const CASES: [Case; 2] = [
    Case { name: "call-log/off", subjects: || with_each_error!(off()) },
    // A case of its own: once one subscriber listens, every thread looks for one.
    Case {
        name: "call-log/json",
        subjects: || vec![bare::<App>(), at(LevelFilter::INFO), at(LevelFilter::DEBUG)],
    },
];

fn off<E: Failure>() -> Vec<Subject> {
    vec![bare::<E>(), Subject::new(named::<E>(OURS), our_calls::<E>())]
}

fn our_calls<E: Failure>() -> impl FnMut(u64) + Send + 'static {
    calls(LogLayer::new("payments").layer(service::prompt::<E>()), Ends::Well)
}

fn at(level: LevelFilter) -> Subject {
    listened(level, our_calls::<App>())
}

/// `call` with a log at `level`: INFO has the end of every call, DEBUG its start as well.
pub(super) fn listened(level: LevelFilter, mut call: impl FnMut(u64) + Send + 'static) -> Subject {
    let name = if level == LevelFilter::INFO { OURS.to_owned() } else { format!("{OURS}/debug") };
    let log = Dispatch::new(Registry::default().with(JsonLayer::new(io::sink)).with(level));
    Subject::new(name, move |n| with_default(&log, || call(n)))
}
