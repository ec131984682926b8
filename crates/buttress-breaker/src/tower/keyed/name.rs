//! The name of a key's breaker.

use std::fmt::{self, Display, Write};
use std::sync::Arc;

/// The number of characters of a key that a name shows.
const SHOWN: usize = 64;

/// Returns `template[key]`, short and harmless for any key.
pub(super) fn name(template: &str, key: &(impl Display + ?Sized)) -> Arc<str> {
    let mut name = Name { text: format!("{template}["), room: SHOWN };
    // It fails if the key is too long, or if its own `Display` fails.
    if write!(name, "{key}").is_err() {
        name.text.push('…');
    }
    name.text.push(']');
    name.text.into()
}

struct Name {
    text: String,
    room: usize,
}

impl Write for Name {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for char in text.chars() {
            self.room = self.room.checked_sub(1).ok_or(fmt::Error)?;
            self.text.push(if is_harmless(char) { char } else { '?' });
        }
        Ok(())
    }
}

/// Returns `true` unless it is a control character, a blank, or a character that changes the direction of a line.
fn is_harmless(char: char) -> bool {
    if char.is_ascii() { char.is_ascii_graphic() } else { char.is_alphanumeric() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_keys_are_shown() {
        for key in ["api.example", "api.example:8443", "[::1]:80", "tenant-17/eu", "zürich.例え"] {
            assert_eq!(*name("payments", key), format!("payments[{key}]"));
        }
        assert_eq!(&*name("db", &7), "db[7]");
        assert_eq!(&*name("db", ""), "db[]");
    }

    #[test]
    fn hostile_keys_are_harmless() {
        assert_eq!(&*name("db", "a\r\n{\"level\":\"ERROR\"}"), "db[a??{\"level\":\"ERROR\"}]");
        assert_eq!(&*name("db", "\u{1b}[31m \u{202e}\u{2028}\0\u{feff}"), "db[?[31m?????]");
    }

    #[test]
    fn long_keys_are_cut() {
        let exact = "x".repeat(64);
        assert_eq!(*name("db", &exact), format!("db[{exact}]"));
        assert_eq!(*name("db", &"x".repeat(65)), format!("db[{exact}…]"));
        assert!(name("db", &"例".repeat(1_000_000)).len() <= 4 * 64 + 8);
    }

    #[test]
    fn a_display_that_fails_is_cut() {
        struct Fails;
        impl Display for Fails {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("half")?;
                Err(fmt::Error)
            }
        }
        assert_eq!(&*name("db", &Fails), "db[half…]");
    }
}
