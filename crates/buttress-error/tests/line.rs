//! "One line": whatever stands in a message.

use std::error::Error as StdError;
use std::{fmt, io};

use buttress_error::{Error, ErrorGroup, Kind, verbatim};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// Text with much of what breaks a line or commands a terminal.
fn texts() -> impl Strategy<Value = String> {
    let hostile =
        select(vec!['\n', '\r', '\t', '\0', '\x1b', '\x7f', '\u{85}', '\u{2028}', '\u{2029}', '\\']);
    let chars = prop_oneof![1 => hostile, 3 => any::<char>()];
    vec(chars, 0..12).prop_map(|chars| chars.into_iter().collect())
}

fn breaks(c: char) -> bool {
    c.is_control() || c == '\u{2028}' || c == '\u{2029}'
}

#[derive(Debug)]
struct Foreign(String);

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for Foreign {}

proptest! {
    /// [S35] "One line without the causes; `{:#}` adds the chain, still on one line."
    #[test]
    fn display_is_one_line(text in texts(), contexts in 0..5_usize, domain in texts()) {
        let foreign = || Foreign(text.clone());
        let wrapped = Error::wrap(Kind::Internal, foreign()).caused_by(foreign());
        let carried = Error::from(io::Error::other(Error::new(Kind::Timeout, text.clone()).with_domain(domain.clone())));
        let group = || ErrorGroup::of([wrapped.clone(), carried.clone()]).expect("two").message(text.clone());
        for error in [wrapped.clone(), carried.clone(), group().into(), wrapped.clone().barrier()] {
            let error = (0..contexts).fold(error, |error, _| error.context(text.clone()));
            for error in [error.clone(), error.with_domain(domain.clone())] {
                let told = format!("{error} {error:#}");
                prop_assert!(!told.contains(breaks), "{told:?}");
                for link in error.chain().filter(|link| !link.is::<Foreign>()) {
                    prop_assert!(!link.to_string().contains(breaks), "{link:?}");
                }
            }
        }
        let told = format!("{} {:#}", group(), group());
        prop_assert!(!told.contains(breaks), "{told:?}");
    }

    /// What does not break a line is as it was; and all is, for those who escape themselves.
    #[test]
    fn only_what_breaks_a_line_is_escaped(text in texts()) {
        let plain: String = text.chars().filter(|&c| !breaks(c)).collect();
        prop_assert_eq!(Error::new(Kind::Internal, plain.clone()).to_string(), plain);
        for error in [Error::new(Kind::Internal, text.clone()), Error::wrap(Kind::Internal, Foreign(text.clone()))] {
            prop_assert_eq!(verbatim(&error).to_string(), text.clone());
            let above = error.context(text.clone()).context(text.clone()).context(text.clone());
            for link in std::iter::once(&above as &(dyn StdError + 'static)).chain(above.chain()) {
                prop_assert_eq!(verbatim(link).to_string(), text.clone());
            }
        }
    }
}
