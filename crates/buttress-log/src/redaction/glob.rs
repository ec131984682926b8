//! `Glob`: the name or the path of a field, with `*`.

use super::error::RedactionError;

/// The longest glob, in bytes. Matching takes at most its length times that of a name, in steps.
const MAX: usize = 256;

/// A dotted path, in any case of its letters. `*` stands for any text without a dot, and for any text at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Glob(Box<[u8]>);

impl Glob {
    pub(super) fn new(text: &str) -> Result<Self, RedactionError> {
        let reason = match text {
            "" => "is empty",
            _ if text.len() > MAX => "has more than 256 bytes",
            _ if text.contains("**") => "has two stars in a row",
            _ if text.chars().any(|c| c.is_whitespace() || c.is_control()) => {
                "has a blank or a control character"
            }
            _ if text.split('.').any(str::is_empty) => "has an empty part between dots",
            _ => return Ok(Self(text.to_ascii_lowercase().into_bytes().into())),
        };
        Err(RedactionError::new(text, reason))
    }

    /// Returns `true` if the glob is the whole name.
    pub(super) fn matches(&self, name: &[u8]) -> bool {
        let (mut glob, mut at) = (0, 0);
        // Where to go back to: behind the last star, with one byte more for it.
        let mut star: Option<(usize, usize)> = None;
        while at < name.len() {
            match self.0.get(glob) {
                Some(b'*') if glob + 1 == self.0.len() => return true,
                Some(b'*') => {
                    star = Some((glob + 1, at));
                    glob += 1;
                }
                Some(byte) if *byte == name[at].to_ascii_lowercase() => (glob, at) = (glob + 1, at + 1),
                _ => match star {
                    Some((after, from)) if name[from] != b'.' => {
                        star = Some((after, from + 1));
                        (glob, at) = (after, from + 1);
                    }
                    _ => return false,
                },
            }
        }
        self.0[glob..].iter().all(|byte| *byte == b'*')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_whole_names() {
        for (glob, yes, no) in [
            (
                "headers.*",
                &["headers.a", "Headers.X-Key", "headers.a.b"][..],
                &["headers", "header.a", "x.headers.a"][..],
            ),
            ("user.email", &["user.email", "User.Email"], &["user.emails", "user_email", "email"]),
            ("*.email", &["user.email", "a.email"], &["email", "a.b.email"]),
            ("*_internal", &["a_internal", "_internal"], &["a_internal_b", "a.b_internal"]),
            ("a*b*c", &["abc", "axbxc", "abbcc"], &["ab", "a.bc", "abcd"]),
            ("*", &["a", "a.b"], &[]),
            ("schlüssel", &["schlüssel"], &["schlussel"]),
        ] {
            let glob = Glob::new(glob).unwrap();
            assert!(yes.iter().all(|name| glob.matches(name.as_bytes())), "{glob:?}");
            assert!(!no.iter().any(|name| glob.matches(name.as_bytes())), "{glob:?}");
        }
    }

    #[test]
    fn bad_globs_are_refused() {
        for bad in ["", "a..b", ".a", "a.", "a b", "a**", &"x".repeat(257)] {
            let error = Glob::new(bad).unwrap_err();
            assert_eq!(error.pattern(), bad);
        }
        assert_eq!(Glob::new("a..b").unwrap_err().to_string(), "\"a..b\" has an empty part between dots");
    }
}
