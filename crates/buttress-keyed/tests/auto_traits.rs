//! Auto traits, and what `Debug` shows.

use std::rc::Rc;
use std::sync::Arc;

use buttress_keyed::{Keyed, KeyedBuilder, KeyedStats};

const fn all<T: Send + Sync + Unpin + 'static>() {}

#[test]
fn auto_traits() {
    all::<Keyed<String, Arc<u32>>>();
    all::<KeyedBuilder<String, Arc<u32>>>();
    all::<KeyedStats>();
    // `Mutex` makes what is only `Send` shareable.
    all::<Keyed<std::cell::Cell<u32>, Arc<u32>>>();
}

/// A map also works on one thread, and has no bounds on its types until they are used.
#[test]
fn a_state_need_not_be_send() {
    let map = Keyed::<String, Rc<u32>>::new();
    assert_eq!(*map.get_or_insert_with("a", || Rc::new(1)), 1);
}

#[test]
fn debug_shows_no_keys() {
    let map = Keyed::<String, Arc<u32>>::new();
    map.get_or_insert_with("secret", || Arc::new(1));
    let text = format!("{map:?} {:?}", Keyed::<String, Arc<u32>>::builder());
    assert!(text.contains("Keyed { len: 1, max_keys: 10000, idle_after: 600s, keep: false"), "{text}");
    assert!(!text.contains("secret"), "{text}");
}
