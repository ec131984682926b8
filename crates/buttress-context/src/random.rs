//! Random bytes for ids, also while a thread ends.

use std::cell::RefCell;

use rand::rngs::{OsRng, StdRng};
use rand::{RngCore, SeedableRng, TryRngCore};

thread_local! {
    // Not `rand::rng()`: its thread local has a destructor, and using it after that panics. A panic in a destructor of a
    // thread local aborts the process. This value has no destructor.
    static GENERATOR: RefCell<Option<StdRng>> = const { RefCell::new(None) };
}

/// Returns random bytes from a generator of this thread, which the operating system seeds. Once the thread's locals are
/// destroyed, the bytes come from the operating system itself.
///
/// # Panics
/// If the operating system has no random bytes.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    let filled = GENERATOR.try_with(|generator| {
        generator.borrow_mut().get_or_insert_with(StdRng::from_os_rng).fill_bytes(&mut bytes);
    });
    if filled.is_err() {
        from_system(&mut bytes);
    }
    bytes
}

fn from_system(bytes: &mut [u8]) {
    OsRng.try_fill_bytes(bytes).expect("the operating system has random bytes");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Covers the path for threads whose locals are destroyed. On most platforms this local never is.
    #[test]
    fn the_system_fills_all_bytes() {
        let mut seen = [0_u8; 16];
        for _ in 0..64 {
            let mut bytes = [0; 16];
            from_system(&mut bytes);
            seen.iter_mut().zip(bytes).for_each(|(seen, byte)| *seen |= byte);
        }
        assert_eq!(seen, [0xff; 16]);
    }
}
