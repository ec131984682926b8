//! The message of a foreign error whose type is not public.

use std::fmt::{self, Display, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Returns the first 1024 bytes of a message. If `Display` fails or panics, returns the text before that: classifying an error
/// must not end the call.
pub(super) fn bounded_text(error: &dyn Display) -> String {
    let mut text = Bounded(String::new());
    let _ = catch_unwind(AssertUnwindSafe(|| write!(text, "{error}")));
    text.0
}

struct Bounded(String);

impl Bounded {
    const MAX: usize = 1024;
}

impl Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|c| {
            if self.0.len() + c.len_utf8() > Self::MAX {
                return Err(fmt::Error);
            }
            self.0.push(c);
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bad(fn(&mut fmt::Formatter<'_>) -> fmt::Result);

    impl Display for Bad {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("some")?;
            (self.0)(f)
        }
    }

    #[test]
    fn a_text_that_fails_is_cut() {
        assert_eq!(bounded_text(&"all of it"), "all of it");
        assert_eq!(bounded_text(&Bad(|_| Err(fmt::Error))), "some");
        assert_eq!(bounded_text(&Bad(|_| panic!("in Display"))), "some");
        assert_eq!(bounded_text(&"ü".repeat(1_000)).len(), 1024);
        assert_eq!(bounded_text(&Bad(|f| f.write_str(&"ü".repeat(1_000)))).len(), 1024);
        assert_eq!(bounded_text(&format!("x{}", "ü".repeat(1_000))).len(), 1023);
    }
}
