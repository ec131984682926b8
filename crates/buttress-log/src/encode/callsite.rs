//! What is known of a callsite before it logs: its target and its field names, encoded and checked.
//!
//! The facts are kept once for the whole program, for as long as it runs: at most one entry for each distinct set of target
//! and names. A thread keeps a reference for each callsite that it has passed.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::ptr;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread::LocalKey;

use tracing::{Level, Metadata};

#[cfg(feature = "log")]
use crate::encode::log_record;
use crate::encode::name::{FieldName, Role};
use crate::json::string::{StringWriter, string};

/// Values by the address of what they were made from.
type Cache<K, V> = RefCell<HashMap<K, &'static V, BuildHasherDefault<AddressHasher>>>;
type Interned<V> = LazyLock<Mutex<HashSet<&'static V>>>;

/// A longer target is cut here, in encoded bytes, as a name is.
const MAX_TARGET: usize = 256;

#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Callsite {
    /// The member that follows the message: `,"target":"…"`.
    pub(crate) target: Box<[u8]>,
    /// The member that may follow the target: `,"source_location":"src/pay.rs:88"`. Empty if the file is unknown.
    pub(crate) at: Box<[u8]>,
    /// Its events may be records of the crate `log`, which have a target of their own.
    #[cfg(feature = "log")]
    pub(crate) may_be_log_record: bool,
    /// By the index of the field. Each name differs from the others and from the reserved ones.
    pub(crate) names: Box<[FieldName]>,
}

impl Callsite {
    /// The facts about the callsite of this metadata.
    pub(crate) fn of(metadata: &'static Metadata<'static>) -> &'static Self {
        thread_local! {
            static BY_METADATA: Cache<usize, Callsite> = RefCell::default();
        }
        static CALLSITES: Interned<Callsite> = LazyLock::new(Mutex::default);
        cached(&BY_METADATA, ptr::from_ref(metadata).addr(), || intern(&CALLSITES, Self::new(metadata)))
    }

    fn new(metadata: &Metadata<'_>) -> Self {
        #[cfg(feature = "log")]
        let may_be_log_record = log_record::may_be_record(metadata);
        let mut names: Vec<FieldName> = Vec::new();
        for field in metadata.fields() {
            names.push(match field.name() {
                "message" if metadata.is_event() && is_free(&names, Role::Message) => {
                    FieldName::reserved("message", Role::Message)
                }
                "error" if metadata.is_event() && is_free(&names, Role::Error) => {
                    FieldName::reserved("error", Role::Error)
                }
                #[cfg(feature = "log")]
                name if may_be_log_record && log_record::is_description(name) => {
                    FieldName::reserved(name, Role::LogRecord)
                }
                name => FieldName::distinct_from(name, &names),
            });
        }
        let mut target = Vec::new();
        append_target(&mut target, metadata.target());
        let mut at = Vec::new();
        if let Some(place) = metadata.file().zip(metadata.line()) {
            append_location(&mut at, place);
        }
        Self {
            target: target.into(),
            at: at.into(),
            #[cfg(feature = "log")]
            may_be_log_record,
            names: names.into(),
        }
    }
}

pub(crate) fn append_target(out: &mut Vec<u8>, target: &str) {
    out.extend_from_slice(b",\"target\":");
    string(out, target, MAX_TARGET);
}

pub(crate) fn append_location(out: &mut Vec<u8>, (file, line): (&str, u32)) {
    out.extend_from_slice(b",\"source_location\":");
    let mut text = StringWriter::open(out, MAX_TARGET);
    text.push_fmt(format_args!("{file}:{line}"));
    text.close();
}

fn is_free(names: &[FieldName], role: Role) -> bool {
    names.iter().all(|name| name.role != role)
}

/// The text between the timestamp and the message.
pub(crate) const fn level_member(level: Level) -> &'static [u8] {
    match level {
        Level::ERROR => b"\",\"level\":\"ERROR\",\"message\":",
        Level::WARN => b"\",\"level\":\"WARN\",\"message\":",
        Level::INFO => b"\",\"level\":\"INFO\",\"message\":",
        Level::DEBUG => b"\",\"level\":\"DEBUG\",\"message\":",
        Level::TRACE => b"\",\"level\":\"TRACE\",\"message\":",
    }
}

/// The name of a context field, which has no callsite.
pub(crate) fn context_field_name(name: &'static str) -> &'static FieldName {
    thread_local! {
        static BY_NAME: Cache<(usize, usize), FieldName> = RefCell::default();
    }
    static NAMES: Interned<FieldName> = LazyLock::new(Mutex::default);
    // With its length, because one name may begin at the address of another.
    cached(&BY_NAME, (name.as_ptr().addr(), name.len()), || intern(&NAMES, FieldName::new(name)))
}

/// Looks a value up in the cache of this thread, and makes it on a miss.
fn cached<K: Copy + Eq + Hash, V>(
    cache: &'static LocalKey<Cache<K, V>>,
    key: K,
    make: impl FnOnce() -> &'static V,
) -> &'static V {
    let hit = cache.try_with(|cache| cache.borrow().get(&key).copied()).ok().flatten();
    hit.unwrap_or_else(|| {
        let value = make();
        // A thread that is ending has lost its cache.
        let _ = cache.try_with(|cache| cache.borrow_mut().insert(key, value));
        value
    })
}

/// Returns the program's one value that equals `value`.
fn intern<V: Eq + Hash>(all: &Interned<V>, value: V) -> &'static V {
    let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(interned) = all.get(&value) {
        return interned;
    }
    let value = Box::leak(Box::new(value));
    all.insert(value);
    value
}

/// One multiplication spreads the address of a static well enough.
#[derive(Default)]
struct AddressHasher(u64);

impl Hasher for AddressHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_usize(usize::from(*byte));
        }
    }

    fn write_usize(&mut self, address: usize) {
        self.0 = (self.0 ^ address as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(26);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
