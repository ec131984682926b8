//! Errors, kinds and values in serialized form.

use std::cell::Cell;
use std::fmt::Display;

use serde::de::Error as _;
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::contain;
use crate::error::Error;
use crate::error::{Causes, Verbatim, shown};
use crate::group::ErrorGroup;
use crate::kind::Kind;
use crate::millis::millis;
use crate::safe::Safe;
use crate::secret::{is_secret_value, redact};
use crate::value::Value;
use crate::violation::Violation;

/// Serializes its [name](Kind::as_str).
impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Reads its [name](Kind::as_str).
impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::from_name(&name).ok_or_else(|| D::Error::custom(format_args!("unknown kind {name:?}")))
    }
}

/// Serializes the number, text or boolean. JSON has no NaN and no infinities: formats for people get them as the texts
/// `NaN`, `Infinity` and `-Infinity`.
impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Str(value) => serializer.serialize_str(value),
            Self::I64(value) => serializer.serialize_i64(*value),
            Self::U64(value) => serializer.serialize_u64(*value),
            Self::F64(value) if !value.is_finite() && serializer.is_human_readable() => {
                serializer.collect_str(self)
            }
            Self::F64(value) => serializer.serialize_f64(*value),
            Self::Bool(value) => serializer.serialize_bool(*value),
        }
    }
}

/// The maximum number of members of groups in all, and of levels: groups may share members.
const MAX_MEMBERS: usize = 4_096;
const MAX_LEVELS: usize = 32;

/// Serializes everything that is known, for logs and stores, not for clients. Empty fields are left out. The values of
/// [secret](crate::is_secret) attributes, and [secrets](crate::redact) in texts, are `[redacted]`. `chain` has the causes down to the first group, and `errors` the
/// members of that group: at most 4096 in all, on at most 32 levels; `more` is the number of members left out.
impl Serialize for Error {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Node { error: self, levels: MAX_LEVELS, left: &Cell::new(MAX_MEMBERS) }.serialize(serializer)
    }
}

/// An error, or a member of a group in it.
struct Node<'a> {
    error: &'a Error,
    levels: usize,
    left: &'a Cell<usize>,
}

impl Serialize for Node<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { error, levels, left } = *self;
        let class = error.class();
        let mut out = serializer.serialize_map(None)?;
        out.serialize_entry("message", &redact(&shown(&Verbatim(error))))?;
        out.serialize_entry("kind", &class.kind)?;
        entry(&mut out, "reason", class.reason)?;
        entry(&mut out, "domain", error.domain())?;
        out.serialize_entry("retry", error.advice().as_str())?;
        entry(&mut out, "retry_after_ms", class.retry_after.map(millis))?;
        out.serialize_entry("delivery", class.delivery.as_str())?;
        if class.exhausted {
            out.serialize_entry("exhausted", &true)?;
        }
        entry(&mut out, "attempts", error.retry_summary().map(|summary| summary.attempts))?;
        let Causes { links, group } = Causes::of(error);
        list(&mut out, "chain", links[1..].iter().map(|cause| Clean(contain::text(Verbatim(*cause)))))?;
        if let Some(group) = group {
            members(&mut out, group, levels, left)?;
        }
        let hidden = error.hidden().filter(|_| levels > 0);
        entry(&mut out, "hidden", hidden.map(|error| Node { error, levels: levels - 1, left }))?;
        list(&mut out, "violations", error.violations().iter().map(Violation::redacted))?;
        list(&mut out, "notes", error.notes().map(Clean))?;
        list(&mut out, "hints", error.hints().map(Clean))?;
        if error.attrs().len() > 0 {
            out.serialize_entry("attrs", &Attrs(error))?;
        }
        entry(&mut out, "at", error.location().map(Text))?;
        entry(&mut out, "backtrace", error.backtrace().map(Text))?;
        out.end()
    }
}

/// Serializes what is public.
impl Serialize for Safe<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_map(None)?;
        out.serialize_entry("kind", &self.kind())?;
        entry(&mut out, "reason", self.reason())?;
        out.serialize_entry("message", &redact(&self.to_string()))?;
        list(&mut out, "violations", self.violations().iter().map(Violation::redacted))?;
        list(&mut out, "hints", self.hints().map(Clean))?;
        out.end()
    }
}

/// Serializes the message, the kind and the members.
impl Serialize for ErrorGroup {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_map(None)?;
        out.serialize_entry("message", &redact(&self.to_string()))?;
        out.serialize_entry("kind", &crate::Classify::class(self).kind)?;
        members(&mut out, self, MAX_LEVELS, &Cell::new(MAX_MEMBERS))?;
        out.end()
    }
}

fn members<M: SerializeMap>(
    out: &mut M,
    group: &ErrorGroup,
    levels: usize,
    left: &Cell<usize>,
) -> Result<(), M::Error> {
    let members = Members { group, levels, left, written: Cell::new(0) };
    out.serialize_entry("errors", &members)?;
    let more = group.members().len() - members.written.get();
    entry(out, "more", (more > 0).then_some(more))
}

struct Members<'a> {
    group: &'a ErrorGroup,
    levels: usize,
    left: &'a Cell<usize>,
    written: Cell<usize>,
}

impl Serialize for Members<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_seq(None)?;
        let Some(levels) = self.levels.checked_sub(1) else { return out.end() };
        for error in self.group.members() {
            let Some(fewer) = self.left.get().checked_sub(1) else { break };
            self.left.set(fewer);
            self.written.set(self.written.get() + 1);
            out.serialize_element(&Node { error, levels, left: self.left })?;
        }
        out.end()
    }
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

/// A text whose secrets are redacted.
struct Clean<T>(T);

impl<T: AsRef<str>> Serialize for Clean<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&redact(self.0.as_ref()))
    }
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
            match is_secret_value(key, value) {
                true => out.serialize_entry(key, "[redacted]")?,
                false => match value {
                    Value::Str(text) => out.serialize_entry(key, &redact(text))?,
                    value => out.serialize_entry(key, value)?,
                },
            }
        }
        out.end()
    }
}
