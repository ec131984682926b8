//! Errors for machines.

use std::fmt::Display;

use serde::de::Error as _;
use serde::ser::{SerializeMap, SerializeStruct};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Error, ErrorGroup, Kind, Safe, Value, is_secret};

/// By its [name](Kind::as_str).
impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// By its [name](Kind::as_str).
impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::from_name(&name).ok_or_else(|| D::Error::custom(format_args!("no kind is called {name:?}")))
    }
}

/// As the number, text or truth value that it is.
impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Str(value) => serializer.serialize_str(value),
            Self::I64(value) => serializer.serialize_i64(*value),
            Self::U64(value) => serializer.serialize_u64(*value),
            Self::F64(value) => serializer.serialize_f64(*value),
            Self::Bool(value) => serializer.serialize_bool(*value),
        }
    }
}

/// Everything: for logs and stores, not for clients. Fields without anything to tell are left out; the values of
/// [secret](is_secret) attributes are `"[redacted]"`.
impl Serialize for Error {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let class = self.class();
        let mut out = serializer.serialize_map(None)?;
        out.serialize_entry("message", &self.to_string())?;
        out.serialize_entry("kind", &class.kind)?;
        entry(&mut out, "reason", class.reason)?;
        entry(&mut out, "domain", self.origin())?;
        out.serialize_entry("retry", self.advice().as_str())?;
        entry(&mut out, "retry_after_ms", class.retry_after.map(millis))?;
        out.serialize_entry("delivery", class.delivery.as_str())?;
        if class.exhausted {
            out.serialize_entry("exhausted", &true)?;
        }
        entry(&mut out, "attempts", self.effort().map(|effort| effort.attempts))?;
        match self.group() {
            Some(group) => out.serialize_entry("errors", group.members())?,
            None => list(&mut out, "chain", self.chain().map(ToString::to_string))?,
        }
        entry(&mut out, "hidden", self.hidden())?;
        list(&mut out, "violations", self.violations().iter())?;
        list(&mut out, "notes", self.notes())?;
        list(&mut out, "hints", self.hints())?;
        if self.attrs().len() > 0 {
            out.serialize_entry("attrs", &Attrs(self))?;
        }
        entry(&mut out, "at", self.location().map(Text))?;
        entry(&mut out, "backtrace", self.backtrace().map(Text))?;
        out.end()
    }
}

/// Only what is public.
impl Serialize for Safe<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_map(None)?;
        out.serialize_entry("kind", &self.kind())?;
        entry(&mut out, "reason", self.reason())?;
        out.serialize_entry("message", &self.to_string())?;
        list(&mut out, "violations", self.violations().iter())?;
        list(&mut out, "hints", self.hints())?;
        out.end()
    }
}

/// What it says, its kind and its members.
impl Serialize for ErrorGroup {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("ErrorGroup", 3)?;
        out.serialize_field("message", &self.to_string())?;
        out.serialize_field("kind", &crate::Classify::class(self).kind)?;
        out.serialize_field("errors", self.members())?;
        out.end()
    }
}

pub(crate) fn millis(wait: std::time::Duration) -> u64 {
    u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)
}

fn entry<M: SerializeMap>(out: &mut M, key: &str, value: Option<impl Serialize>) -> Result<(), M::Error> {
    value.map_or(Ok(()), |value| out.serialize_entry(key, &value))
}

fn list<M: SerializeMap>(
    out: &mut M,
    key: &str,
    items: impl Iterator<Item = impl Serialize>,
) -> Result<(), M::Error> {
    let items: Vec<_> = items.collect();
    if items.is_empty() { Ok(()) } else { out.serialize_entry(key, &items) }
}

struct Text<T>(T);

impl<T: Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

struct Attrs<'a>(&'a Error);

impl Serialize for Attrs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_map(None)?;
        for (key, value) in self.0.attrs() {
            match is_secret(key) {
                true => out.serialize_entry(key, "[redacted]")?,
                false => out.serialize_entry(key, value)?,
            }
        }
        out.end()
    }
}
