//! The text of a foreign error, for types that have no public name.

use std::fmt::{self, Display, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The first 1024 bytes of a text. A `Display` that fails or panics gives what it wrote before: it must not end a call that
/// only classifies its error.
pub(super) fn shown(error: &dyn Display) -> String {
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
        assert_eq!(shown(&"all of it"), "all of it");
        assert_eq!(shown(&Bad(|_| Err(fmt::Error))), "some");
        assert_eq!(shown(&Bad(|_| panic!("in Display"))), "some");
        assert_eq!(shown(&"ü".repeat(1_000)).len(), 1024);
        assert_eq!(shown(&Bad(|f| f.write_str(&"ü".repeat(1_000)))).len(), 1024);
        assert_eq!(shown(&format!("x{}", "ü".repeat(1_000))).len(), 1023);
    }
}
