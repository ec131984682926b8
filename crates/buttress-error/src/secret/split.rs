//! Splitting the name of a field into words.

/// The longest word that is read; a longer one is no word of any list.
const LONGEST: usize = 32;

/// A word in lower case, without digits at its end (`token2`). Empty if it is too long.
#[derive(Clone, Copy)]
pub(super) struct Word {
    bytes: [u8; LONGEST],
    len: usize,
}

impl Word {
    pub(super) const EMPTY: Self = Self { bytes: [0; LONGEST], len: 0 };

    fn new(text: &str) -> Self {
        let mut word = Self::EMPTY;
        let text = text.trim_end_matches(|c: char| c.is_ascii_digit());
        if let Some(bytes) = word.bytes.get_mut(..text.len()) {
            bytes.copy_from_slice(text.as_bytes());
            bytes.make_ascii_lowercase();
            word.len = text.len();
        }
        word
    }

    pub(super) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.len]).unwrap_or_default()
    }
}

/// Returns the words of a name, without those that consist of digits alone.
///
/// A name is split at every character that is neither a letter nor a digit, before a capital that follows a small letter
/// or a digit, and before the last capital of a run that a small letter follows: `XMLToken` is `xml`, `token`.
pub(super) fn words(name: &str) -> impl Iterator<Item = Word> {
    name.split(|c: char| !c.is_alphanumeric())
        .flat_map(camel_words)
        .filter(|word| !word.bytes().all(|byte| byte.is_ascii_digit()))
        .map(Word::new)
}

fn camel_words(mut rest: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        let (word, after) = rest.split_at(camel_end(rest)?);
        rest = after;
        Some(word)
    })
}

fn camel_end(text: &str) -> Option<usize> {
    let mut chars = text.char_indices().peekable();
    let (_, mut before) = chars.next()?;
    while let Some((at, c)) = chars.next() {
        let next_is_small = chars.peek().is_some_and(|(_, next)| next.is_lowercase());
        if c.is_uppercase() && (!before.is_uppercase() || next_is_small) {
            return Some(at);
        }
        before = c;
    }
    Some(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_into_words() {
        fn split(name: &str) -> Vec<String> {
            words(name).map(|word| word.as_str().to_owned()).collect()
        }
        assert_eq!(split("X-Octopus-ApiKey"), ["x", "octopus", "api", "key"]);
        assert_eq!(split("DB_PASSWORD"), ["db", "password"]);
        assert_eq!(split("HTTPToken.v2Id"), ["http", "token", "v", "id"]);
        assert_eq!(split("--a..b"), ["a", "b"]);
        assert_eq!(split(&"a".repeat(LONGEST + 1)), [""]);
        assert_eq!(split("Schlüssel"), ["schl\u{fc}ssel"]);
    }
}
