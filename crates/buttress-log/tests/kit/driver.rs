//! A program of log calls made from bytes, and the checks of what it has logged. For the property tests and the fuzzer.

use std::error::Error;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::{array, fmt};

use buttress_context::Context;
use buttress_log::field::json;
use buttress_log::test::LineBuffer;
use buttress_log::{JsonLayer, Limits, Schema};
use serde::de::IgnoredAny;
use serde::ser::{Error as _, SerializeMap};
use serde::{Serialize, Serializer};
use tracing::field::{Empty, Value, debug, display};
use tracing::span::EnteredSpan;
use tracing::{Span, error, info, info_span, warn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::prelude::*;
use tracing_subscriber::reload;

use crate::kit::{Hostile, strict};

/// The choices, taken from bytes. Zeros when they are used up.
struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    fn next(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn take(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        taken
    }

    fn number(&mut self) -> u64 {
        let mut bytes = [0; 8];
        for (byte, taken) in bytes.iter_mut().zip(self.take(8)) {
            *byte = *taken;
        }
        u64::from_le_bytes(bytes)
    }

    fn text(&mut self) -> String {
        let len = usize::from(self.next());
        let times = if len == 255 { 50 } else { 1 };
        String::from_utf8_lossy(self.take(len % 40)).repeat(times)
    }

    /// Passes any value to `record`.
    fn with_value(&mut self, record: impl FnOnce(&dyn Value)) {
        let hostile = match self.next() % 3 {
            0 => Hostile::Fails,
            1 => Hostile::Panics,
            _ => Hostile::PanicsWithBomb,
        };
        match self.next() % 16 {
            0 => record(&self.number()),
            1 => record(&(self.number() as i64)),
            2 => record(&f64::from_bits(self.number())),
            3 => record(&(u128::from(self.number()) << 60)),
            4 => record(&i128::MIN),
            5 => record(&(self.next() > 99)),
            6 => {
                let len = usize::from(self.next());
                record(&self.take(len));
            }
            7 => record(&display(self.text())),
            8 => record(&debug(self.text())),
            9 => record(&display(hostile)),
            10 => record(&debug(&hostile)),
            11 => record(&(&hostile as &(dyn Error + 'static))),
            12 => {
                let error = buttress_error::Error::new(buttress_error::Kind::Timeout, self.text())
                    .note(self.text())
                    .attr("token", self.text())
                    .caused_by(io::Error::other(self.text()));
                record(&(&error as &(dyn Error + 'static)));
            }
            13 => record(&json(&self.tree(0))),
            14 => record(&Empty),
            _ => record(&self.text()),
        }
    }

    fn tree(&mut self, depth: usize) -> Tree {
        let len = usize::from(self.next() % 5);
        match self.next() % if depth > 40 { 4 } else { 9 } {
            0 => Tree::Number(f64::from_bits(self.number())),
            1 => Tree::Text(self.text()),
            2 => Tree::Fails,
            3 => Tree::Panics,
            4 | 5 => Tree::List((0..len).map(|_| self.tree(depth + 1)).collect()),
            6 => Tree::Deep(Box::new(self.tree(depth + 1))),
            _ => Tree::Map((0..len).map(|_| (self.text(), self.tree(depth + 1))).collect()),
        }
    }
}

/// A value that serializes, well or not.
enum Tree {
    Number(f64),
    Text(String),
    List(Vec<Self>),
    Deep(Box<Self>),
    /// With equal keys.
    Map(Vec<(String, Self)>),
    Fails,
    Panics,
}

impl Serialize for Tree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(number) => serializer.serialize_f64(*number),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => serializer.collect_seq(items),
            Self::Deep(inner) => serializer.serialize_newtype_variant("Tree", 0, "deep", inner),
            Self::Map(members) => {
                let mut map = serializer.serialize_map(None)?;
                for (key, value) in members.iter().chain(members.first()) {
                    map.serialize_key(key)?;
                    map.serialize_value(value)?;
                }
                map.end()
            }
            Self::Fails => Err(S::Error::custom("hostile")),
            Self::Panics => panic!("hostile"),
        }
    }
}

/// A writer that takes lines whole, in pieces, in part, or not at all, or panics.
#[derive(Clone)]
struct Unreliable {
    written: Arc<Mutex<Vec<u8>>>,
    /// What it does at each write, in turn.
    acts: Arc<Mutex<Vec<u8>>>,
}

impl fmt::Debug for Unreliable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unreliable")
    }
}

impl Write for Unreliable {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let act = {
            let mut acts = self.acts.lock().unwrap_or_else(PoisonError::into_inner);
            acts.rotate_left(1);
            acts[0]
        };
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = match act % 8 {
            0 => bytes.len().div_ceil(2),
            1 => 1.min(bytes.len()),
            2 => return Err(io::ErrorKind::StorageFull.into()),
            3 => return Err(io::ErrorKind::Interrupted.into()),
            4 => {
                written.extend_from_slice(&bytes[..bytes.len() / 2]);
                drop(written);
                panic!("hostile");
            }
            5 => 0,
            _ => bytes.len(),
        };
        written.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Unreliable {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

const SCHEMAS: [Schema; 5] =
    [Schema::Simple, Schema::Ecs, Schema::Gcp { project: None }, Schema::Datadog, Schema::Otel];

/// Runs the program. Panics if a line is not valid, or is missing.
pub(crate) fn run(bytes: &[u8]) {
    let mut choices = Choices(bytes);
    let lines = LineBuffer::default();
    let (reloadable, handle) = reload::Layer::new(JsonLayer::new(lines.clone()));
    let by_schema: [LineBuffer; SCHEMAS.len()] = array::from_fn(|_| LineBuffer::default());
    let [simple, ecs, gcp, datadog, otel] = array::from_fn(|index| {
        JsonLayer::new(SCHEMAS[index].clone().writer(by_schema[index].clone())).with_location()
    });
    let mut acts = choices.take(16).to_vec();
    acts.push(7); // At times it does take a line.
    let unreliable = Unreliable { written: Arc::default(), acts: Arc::new(Mutex::new(acts)) };
    let faulty = JsonLayer::new(unreliable.clone());
    let losses = faulty.losses();
    let subscriber = tracing_subscriber::registry()
        .with(reloadable)
        .with(simple)
        .with(ecs)
        .with(gcp)
        .with(datadog)
        .with(otel)
        .with(faulty);

    let mut events = 0;
    tracing::subscriber::with_default(subscriber, || {
        let mut spans: Vec<Span> = Vec::new();
        let mut entered: Vec<EnteredSpan> = Vec::new();
        while !choices.0.is_empty() {
            let index = usize::from(choices.next());
            let span = spans.get(index % spans.len().max(1)).cloned().unwrap_or_else(Span::none);
            match choices.next() % 12 {
                0 | 1 => choices.with_value(|value| {
                    spans.push(info_span!(
                        "s",
                        a = value,
                        name = value,
                        level = 1,
                        late = Empty,
                        b.c = Empty
                    ));
                }),
                2 => choices.with_value(|value| {
                    spans.push(
                        info_span!(parent: &span, "t", password = value, "é\"\n" = value, late = Empty),
                    );
                }),
                3 => entered.push(span.entered()),
                4 => drop(entered.pop()),
                5 => choices.with_value(|value| {
                    span.record(["late", "a", "b.c"][index % 3], value);
                }),
                6 => choices.with_value(|value| {
                    let limits =
                        if index % 2 == 0 { Limits::default() } else { Limits::new(64, 8_320).unwrap() };
                    let layer = JsonLayer::new(lines.clone()).limits(limits);
                    let _ = handle.reload(if index % 5 == 0 { layer.without_redaction() } else { layer });
                    info!(after = value, "reload");
                    events += 1;
                }),
                7 => choices.with_value(|value| {
                    warn!(parent: &span, a = value, level = value, late = 5, "in its parent");
                    events += 1;
                }),
                8 => choices.with_value(|value| {
                    error!(error = value, trace_id = 1, a = 2, "{}", index);
                    events += 1;
                }),
                9 => {
                    let text = choices.text();
                    choices.with_value(|value| {
                        Context::current().with_field("tenant", text.clone()).with_field("a", 3).run(|| {
                            info!(tenant = value, log.level = value, log = 1, labels = value, "{text}");
                        });
                        events += 1;
                    });
                }
                10 => choices.with_value(|value| {
                    info!(message = value, "ts" = 1, "@timestamp" = value, dd.trace_id = 2, Body = value);
                    events += 1;
                }),
                _ => {
                    if index < spans.len() {
                        spans.swap_remove(index);
                    }
                }
            }
        }
        while entered.pop().is_some() {}
        info!("last");
        events += 1;
    });

    for buffer in by_schema.iter().chain([&lines]) {
        let bytes = buffer.bytes();
        let text = std::str::from_utf8(&bytes).unwrap();
        assert!(text.ends_with('\n'));
        assert_eq!(text.lines().map(strict).count(), events);
    }
    let written = unreliable.written.lock().unwrap_or_else(PoisonError::into_inner);
    let text = String::from_utf8_lossy(&written);
    let is_json = |line: &&str| serde_json::from_str::<IgnoredAny>(line).is_ok();
    let whole = text.lines().filter(is_json).map(strict).count();
    let lost = usize::try_from(losses.lost_lines()).unwrap();
    assert!(whole + lost >= events, "{whole} lines and {lost} lost of {events}");
}
