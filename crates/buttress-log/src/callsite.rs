//! Facts about a place in the code, known before it logs: its target and its keys.
//!
//! Kept once for the whole program, for as long as it runs: at most one entry for each distinct set of target and names. A
//! thread keeps a reference for each place that it has passed.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::ptr;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread::LocalKey;

use tracing::{Level, Metadata};

use crate::json;
use crate::key::{Key, Role};

type ByAddress<V> = RefCell<HashMap<usize, &'static V, BuildHasherDefault<AddressHasher>>>;
type Interned<V> = LazyLock<Mutex<HashSet<&'static V>>>;

/// The key of a name that is no field of a callsite: one of the context.
pub(crate) fn key(name: &'static str) -> &'static Key {
    thread_local! {
        static KNOWN: ByAddress<Key> = RefCell::default();
    }
    static KEYS: Interned<Key> = LazyLock::new(Mutex::default);
    // Names may overlap in memory: one that begins where another does differs in length.
    let address = name.as_ptr().addr() ^ name.len().rotate_right(8);
    known(&KNOWN, address, || intern(&KEYS, Key::new(name)))
}

fn known<V>(
    map: &'static LocalKey<ByAddress<V>>,
    address: usize,
    make: impl FnOnce() -> &'static V,
) -> &'static V {
    let known = map.try_with(|map| map.borrow().get(&address).copied()).ok().flatten();
    known.unwrap_or_else(|| {
        let value = make();
        // A thread that is ending has no map any more.
        let _ = map.try_with(|map| map.borrow_mut().insert(address, value));
        value
    })
}

/// The one value of the program that equals this one.
fn intern<V: Eq + Hash>(all: &Interned<V>, value: V) -> &'static V {
    let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = all.get(&value) {
        return known;
    }
    let value = Box::leak(Box::new(value));
    all.insert(value);
    value
}

/// A target is cut here, as names are.
const MAX_TARGET: usize = 256;

#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Callsite {
    /// The target, which follows the message.
    pub(crate) target: Box<[u8]>,
    /// By the index of the field.
    pub(crate) keys: Box<[Key]>,
}

/// What stands between the time stamp and the message.
pub(crate) const fn head(level: Level) -> &'static [u8] {
    match level {
        Level::ERROR => b"\",\"level\":\"ERROR\",\"message\":",
        Level::WARN => b"\",\"level\":\"WARN\",\"message\":",
        Level::INFO => b"\",\"level\":\"INFO\",\"message\":",
        Level::DEBUG => b"\",\"level\":\"DEBUG\",\"message\":",
        Level::TRACE => b"\",\"level\":\"TRACE\",\"message\":",
    }
}

impl Callsite {
    /// The facts about the place of this metadata.
    pub(crate) fn of(metadata: &'static Metadata<'static>) -> &'static Self {
        thread_local! {
            static KNOWN: ByAddress<Callsite> = RefCell::default();
        }
        static CALLSITES: Interned<Callsite> = LazyLock::new(Mutex::default);
        known(&KNOWN, ptr::from_ref(metadata).addr(), || intern(&CALLSITES, Self::new(metadata)))
    }

    fn new(metadata: &Metadata<'_>) -> Self {
        let mut keys: Vec<Key> = Vec::new();
        for field in metadata.fields() {
            keys.push(match field.name() {
                "message" if metadata.is_event() && is_free(&keys, Role::Message) => {
                    Key::own("message", Role::Message)
                }
                "error" if metadata.is_event() && is_free(&keys, Role::Error) => {
                    Key::own("error", Role::Error)
                }
                name => Key::among(name, &keys),
            });
        }
        let mut target = b",\"target\":".to_vec();
        json::string(&mut target, metadata.target(), MAX_TARGET);
        Self { target: target.into(), keys: keys.into() }
    }
}

fn is_free(keys: &[Key], role: Role) -> bool {
    keys.iter().all(|key| key.role != role)
}

/// The address of a static is spread well enough by one multiplication.
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
