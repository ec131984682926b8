//! Fingerprints: whether two secrets are the same, without either.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

/// A key for fingerprints: 128 bits. Without it nothing is learned from a fingerprint.
///
/// Two programs whose fingerprints are to be compared need the same key, which is a secret itself.
///
/// ```
/// use buttress_error::FingerprintKey;
///
/// let key = FingerprintKey::new(*b"sixteen byte key");
/// assert_eq!(key.fingerprint("hunter2"), key.fingerprint("hunter2"));
/// assert_ne!(key.fingerprint("hunter2"), FingerprintKey::random().fingerprint("hunter2"));
/// assert_eq!(key.fingerprint("hunter2").to_string().len(), 16);
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct FingerprintKey([u64; 2]);

impl FingerprintKey {
    /// Creates a key of 16 bytes, which should be random.
    #[must_use]
    pub fn new(bytes: [u8; 16]) -> Self {
        let key = u128::from_le_bytes(bytes);
        Self([key as u64, (key >> 64) as u64])
    }

    /// Creates a random key, from the source of the standard library's hash maps.
    #[must_use]
    pub fn random() -> Self {
        Self([0, 1].map(|half: u8| RandomState::new().hash_one(half)))
    }

    /// Returns the key of this process. It is random: fingerprints of different runs cannot be compared.
    #[must_use]
    pub fn of_process() -> Self {
        static KEY: LazyLock<FingerprintKey> = LazyLock::new(FingerprintKey::random);
        *KEY
    }

    /// Returns the fingerprint of a secret.
    #[must_use]
    pub fn fingerprint(&self, secret: impl AsRef<[u8]>) -> Fingerprint {
        Fingerprint(sip_hash(self.0, secret.as_ref()))
    }
}

impl fmt::Debug for FingerprintKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FingerprintKey([redacted])")
    }
}

/// The fingerprint of a secret: 16 hexadecimal digits, whatever the length of the secret.
///
/// It is the keyed hash SipHash-2-4 (Aumasson and Bernstein, [*SipHash: a fast short-input
/// PRF*](https://www.aumasson.jp/siphash/siphash.pdf)). Equal secrets have equal fingerprints. Who does not have the key can
/// neither compute a fingerprint nor test a guess; who has it can test guesses.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(u64);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// SipHash-2-4: two rounds for each word of eight bytes, four at the end. That of the standard library has fewer rounds, or a
/// key of zeros.
fn sip_hash([k0, k1]: [u64; 2], bytes: &[u8]) -> u64 {
    let mut state = [
        k0 ^ 0x736f_6d65_7073_6575,
        k1 ^ 0x646f_7261_6e64_6f6d,
        k0 ^ 0x6c79_6765_6e65_7261,
        k1 ^ 0x7465_6462_7974_6573,
    ];
    let (words, rest) = bytes.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    last[7] = bytes.len() as u8;
    for word in words.iter().chain([&last]) {
        let word = u64::from_le_bytes(*word);
        state[3] ^= word;
        rounds(&mut state, 2);
        state[0] ^= word;
    }
    state[2] ^= 0xff;
    rounds(&mut state, 4);
    state.iter().fold(0, |hash, part| hash ^ part)
}

fn rounds(state: &mut [u64; 4], count: usize) {
    let [mut a, mut b, mut c, mut d] = *state;
    for _ in 0..count {
        a = a.wrapping_add(b);
        c = c.wrapping_add(d);
        b = b.rotate_left(13) ^ a;
        d = d.rotate_left(16) ^ c;
        a = a.rotate_left(32);
        c = c.wrapping_add(b);
        a = a.wrapping_add(d);
        b = b.rotate_left(17) ^ c;
        d = d.rotate_left(21) ^ a;
        c = c.rotate_left(32);
    }
    *state = [a, b, c, d];
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the paper, appendix A: key 00 to 0f, message 00 to 0e.
    #[test]
    fn the_vector_of_the_paper() {
        let key = FingerprintKey::new(std::array::from_fn(|index| index as u8));
        let message: [u8; 15] = std::array::from_fn(|index| index as u8);
        assert_eq!(key.fingerprint(message).to_string(), "a129ca6149be45e5");
    }
}
