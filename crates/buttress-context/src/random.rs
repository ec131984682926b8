//! Random bytes for ids, also while a thread ends.

use std::array;
use std::cell::RefCell;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use fastrand::Rng;

thread_local! {
    // Not fastrand's own generator: its seed has 64 bits, which is too few for the threads of a fleet. This value has no
    // destructor, so a destructor of another thread local may use it.
    static GENERATOR: RefCell<Option<Generator>> = const { RefCell::new(None) };
}

/// Two generators with independent seeds. The ids of two threads are equal only if both seeds are.
struct Generator {
    high: Rng,
    low: Rng,
}

impl Generator {
    /// Creates a generator that the operating system seeds, by the keys of the standard library's hash maps.
    fn new() -> Self {
        let [high, low] = array::from_fn(|_| Rng::with_seed(RandomState::new().hash_one(())));
        Self { high, low }
    }

    fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(16) {
            let random = u128::from(self.high.u64(..)) << 64 | u128::from(self.low.u64(..));
            chunk.copy_from_slice(&random.to_be_bytes()[16 - chunk.len()..]);
        }
    }
}

/// Returns random bytes from a generator of this thread. They are unique, not secret: who sees some of them can compute
/// others.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    let filled = GENERATOR
        .try_with(|generator| generator.borrow_mut().get_or_insert_with(Generator::new).fill(&mut bytes));
    if filled.is_err() {
        Generator::new().fill(&mut bytes);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::thread;

    use super::*;

    #[test]
    fn all_bits_vary() {
        let (mut ones, mut zeros) = ([0_u8; 26], [0xff_u8; 26]);
        for _ in 0..64 {
            let random: [u8; 26] = bytes();
            for (at, byte) in random.into_iter().enumerate() {
                ones[at] |= byte;
                zeros[at] &= byte;
            }
        }
        assert_eq!((ones, zeros), ([0xff; 26], [0; 26]));
    }

    /// Covers the path for threads whose locals are destroyed, too: on most platforms this local never is.
    #[test]
    fn generators_differ() {
        let here = || {
            let mut bytes = [0; 16];
            Generator::new().fill(&mut bytes);
            bytes
        };
        let threads: Vec<_> = (0..8).map(|_| thread::spawn(bytes::<16>)).collect();
        let ids = threads.into_iter().map(|thread| thread.join().unwrap()).chain((0..64).map(|_| here()));
        assert_eq!(ids.collect::<HashSet<_>>().len(), 72);
    }
}
