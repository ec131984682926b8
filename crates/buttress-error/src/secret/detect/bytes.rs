//! Classes and positions of bytes.

/// Letters, digits and the underscore, of ASCII.
pub(super) const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Returns `true` if a secret may begin at `at`: it is not in the middle of a word. The letter of an escape (`\n`) and the
/// digits of one (`%3D`) are no words.
pub(super) fn is_start(text: &[u8], at: usize) -> bool {
    let before = &text[..at];
    match before {
        [] => true,
        [.., b'\\', b'n' | b'r' | b't'] => true,
        [.., b'%', high, low] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => true,
        [.., last] => !is_word(*last),
    }
}

/// Returns the end of the run of bytes from `at` for which `is` returns `true`.
pub(super) fn run_end(text: &[u8], at: usize, is: impl Fn(u8) -> bool) -> usize {
    let end = text[at..].iter().position(|byte| !is(*byte)).map_or(text.len(), |len| at + len);
    steps::add(end - at);
    end
}

/// Returns the first position from `at` on where `is` returns `true`. Blocks without one are passed at the speed of vector
/// instructions.
pub(super) fn position(text: &[u8], mut at: usize, is: impl Fn(u8) -> bool) -> Option<usize> {
    const BLOCK: usize = 32;
    // Without an early return inside a block, so that the compiler vectorizes it.
    while let Some(block) = text.get(at..at + BLOCK)
        && !block.iter().fold(false, |found, byte| found | is(*byte))
    {
        at += BLOCK;
        steps::add(BLOCK);
    }
    text.get(at..)?.iter().position(|byte| is(*byte)).map(|index| at + index)
}

/// Returns the position of `part` in `text`, from `at` on.
pub(super) fn find(text: &[u8], mut at: usize, part: &[u8]) -> Option<usize> {
    let (first, _) = part.split_first()?;
    loop {
        at = position(text, at, |byte| byte == *first)?;
        if text[at..].starts_with(part) {
            return Some(at);
        }
        at += 1;
    }
}

/// A longer word is no word of prose, in bytes.
const MAX_WORD: usize = 64;

/// Returns `true` if a word looks made by a machine: it has a digit, or capitals after its first letter beside small letters,
/// or is long.
pub(super) fn is_opaque(word: &[u8]) -> bool {
    if word.len() > MAX_WORD {
        return true;
    }
    let Some((_, rest)) = word.split_first() else { return false };
    let small = word.iter().any(u8::is_ascii_lowercase);
    word.iter().any(u8::is_ascii_digit) || small && rest.iter().any(u8::is_ascii_uppercase)
}

/// Counts the bytes that the search reads: a test of its time without a clock.
pub(super) mod steps {
    #[cfg(test)]
    thread_local! {
        static STEPS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
    }

    #[cfg(not(test))]
    pub(super) const fn add(_bytes: usize) {}

    #[cfg(test)]
    pub(super) fn add(bytes: usize) {
        STEPS.set(STEPS.get() + bytes + 1);
    }

    /// Returns the number of steps since the last call.
    #[cfg(test)]
    pub(in super::super) fn take() -> usize {
        STEPS.take()
    }
}
