//! What the areas of the log share: lines in memory, and a parser that refuses a name that occurs twice.

use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use tracing_subscriber::layer::SubscriberExt;

use crate::api::{JsonLayer, Limits, Redaction};

/// A writer into memory.
#[derive(Clone, Debug, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns all that `work` logs, with limits that no case reaches.
pub(crate) fn logged(redaction: Redaction, work: impl FnOnce()) -> Result<String, String> {
    let memory = Memory::default();
    let writer = memory.clone();
    let limits = Limits::new(1 << 20, 4 << 20).map_err(|error| error.to_string())?;
    let layer = JsonLayer::new(move || writer.clone()).limits(limits).redaction(redaction);
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), work);
    let bytes = memory.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    String::from_utf8(bytes).map_err(|error| error.to_string())
}

/// Reads exactly one line: an object without a name that occurs twice, one newline at its end, no other control byte.
pub(crate) fn one_line(text: &str) -> Result<Value, String> {
    let line = text.strip_suffix('\n').ok_or("the line has no end")?;
    if let Some(byte) = line.bytes().find(|byte| *byte < 0x20) {
        return Err(format!("byte {byte:#x} in the line"));
    }
    let mut parser = serde_json::Deserializer::from_str(line);
    let value = Strict.deserialize(&mut parser).map_err(|error| format!("{error} in {line}"))?;
    parser.end().map_err(|error| format!("{error} in {line}"))?;
    if value.is_object() { Ok(value) } else { Err(format!("no object: {line}")) }
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
        f.write_str("JSON")
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(Self)? {
            array.push(item);
        }
        Ok(array.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(Self)?;
            if object.insert(name.clone(), value).is_some() {
                return Err(de::Error::custom(format!("{name:?} occurs twice")));
            }
        }
        Ok(object.into())
    }
}
