//! Helpers: a layer that writes into memory, and a JSON parser that rejects duplicate names.
#![allow(dead_code)] // each test file uses a part

pub(crate) mod directory;

use std::fmt;
use std::io;

use buttress_log::JsonLayer;
use buttress_log::test::LineBuffer;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use tracing_subscriber::prelude::*;

/// Runs `work` under a layer that `change` has configured, and returns what it logged.
pub(crate) fn log_with(
    change: impl FnOnce(JsonLayer<LineBuffer>) -> JsonLayer<LineBuffer>,
    work: impl FnOnce(),
) -> Vec<Value> {
    drop(buttress_log::test::capture()); // so that tests at the same time do not disable callsites for each other
    let lines = LineBuffer::default();
    let layer = change(JsonLayer::new(lines.clone()));
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), work);
    parse(&lines.bytes())
}

/// Runs `work` under a default layer, and returns what it logged.
pub(crate) fn log(work: impl FnOnce()) -> Vec<Value> {
    log_with(|layer| layer, work)
}

/// The one line that `work` logs.
pub(crate) fn log_one(work: impl FnOnce()) -> Value {
    let mut lines = log(work);
    assert_eq!(lines.len(), 1, "{lines:#?}");
    lines.remove(0)
}

/// Every line as an object: one newline at its end, no other byte below 0x20, no name twice at any level.
pub(crate) fn parse(bytes: &[u8]) -> Vec<Value> {
    assert!(bytes.is_empty() || bytes.ends_with(b"\n"), "the last line is not ended");
    let text = std::str::from_utf8(bytes).expect("UTF-8");
    text.split_terminator('\n').map(strict).collect()
}

pub(crate) fn strict(line: &str) -> Value {
    assert!(line.bytes().all(|byte| byte >= 0x20 && byte != 0x7f), "control character in {line:?}");
    let mut parser = serde_json::Deserializer::from_str(line);
    let value = Strict.deserialize(&mut parser).unwrap_or_else(|error| panic!("{error} in {line}"));
    parser.end().unwrap_or_else(|error| panic!("{error} in {line}"));
    assert!(value.is_object(), "{line}");
    value
}

struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without duplicate names")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            let value = map.next_value_seed(Self)?;
            if object.insert(name.clone(), value).is_some() {
                return Err(de::Error::custom(format!("`{name}` is there twice")));
            }
        }
        Ok(Value::Object(object))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Self)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
}

/// A `Display` and `Debug` that writes a part of its text, and then fails or panics.
pub(crate) enum Hostile {
    Fails,
    Panics,
    PanicsWithBomb,
}

impl fmt::Display for Hostile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("half \"")?;
        match self {
            Self::Fails => Err(fmt::Error),
            Self::Panics => panic!("a display that panics"),
            Self::PanicsWithBomb => std::panic::panic_any(Bomb),
        }
    }
}

impl fmt::Debug for Hostile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Hostile {}

/// A panic payload that panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("a payload that panics");
    }
}

/// A writer that refuses everything.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Broken;

impl io::Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::StorageFull.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
