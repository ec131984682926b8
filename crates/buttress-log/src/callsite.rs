//! What is known of a place in the code before it logs: its level, its target, its keys. Worked out once a thread.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::ptr;
use std::rc::Rc;
use std::thread::LocalKey;

use tracing::Metadata;

use crate::json;
use crate::key::{Key, Role};

type ByAddress<V> = RefCell<HashMap<usize, V, BuildHasherDefault<AddressHasher>>>;

/// The key of a name that is no field of a callsite: one of the context.
pub(crate) fn key(name: &'static str) -> Rc<Key> {
    thread_local! {
        static KNOWN: ByAddress<Rc<Key>> = RefCell::default();
    }
    // Names may overlap in memory: one that begins where another does differs in length.
    let address = name.as_ptr().addr() ^ name.len().rotate_right(8);
    known(&KNOWN, address, || Key::new(name))
}

fn known<V>(map: &'static LocalKey<ByAddress<Rc<V>>>, address: usize, make: impl FnOnce() -> V) -> Rc<V> {
    let known = map.try_with(|map| map.borrow().get(&address).cloned()).ok().flatten();
    known.unwrap_or_else(|| {
        let value = Rc::new(make());
        // A thread that is ending has no map any more.
        let _ = map.try_with(|map| map.borrow_mut().insert(address, Rc::clone(&value)));
        value
    })
}

/// A target is cut here, as names are.
const MAX_TARGET: usize = 256;

#[derive(Debug)]
pub(crate) struct Callsite {
    /// What stands between the time stamp and the message.
    pub(crate) head: Box<[u8]>,
    /// What follows the message.
    pub(crate) target: Box<[u8]>,
    /// By the index of the field.
    pub(crate) keys: Box<[Key]>,
}

impl Callsite {
    /// What this thread knows of the callsite.
    pub(crate) fn of(metadata: &'static Metadata<'static>) -> Rc<Self> {
        thread_local! {
            static KNOWN: ByAddress<Rc<Callsite>> = RefCell::default();
        }
        known(&KNOWN, ptr::from_ref(metadata).addr(), || Self::new(metadata))
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
        let head = format!("\",\"level\":\"{}\",\"message\":", metadata.level());
        Self { head: head.into_bytes().into(), target: target.into(), keys: keys.into() }
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
