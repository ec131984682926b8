//! `ResultExt` beside the traits that users import for their other errors: no method is ambiguous.
#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

use std::io;

fn reset() -> io::Result<()> {
    Err(io::ErrorKind::ConnectionReset.into())
}

/// Every `.context()` was once ambiguous.
mod anyhow_context {
    use anyhow::Context;
    use buttress_error::{Kind, OptionExt, Result, ResultExt};

    #[test]
    fn both_traits_are_in_scope() {
        let theirs: anyhow::Result<()> = super::reset().context("fetching").with_context(|| "starting");
        assert_eq!(theirs.unwrap_err().to_string(), "starting");
        assert!(None::<u8>.context("nothing").is_err());
        let ours: Result<()> = super::reset().add_context("fetching").note("n").hint("h").attr("k", 1);
        assert_eq!(format!("{:#}", ours.unwrap_err()), "fetching: connection reset");
        assert_eq!(None::<u8>.or_kind(Kind::NotFound, "no").unwrap_err().kind(), Kind::NotFound);
    }
}

mod eyre_wrap_err {
    use buttress_error::{Result, ResultExt};
    use eyre::{ContextCompat, WrapErr};

    #[test]
    fn both_traits_are_in_scope() {
        let theirs: eyre::Result<()> = WrapErr::wrap_err(super::reset(), "a").wrap_err_with(|| "fetching");
        assert_eq!(theirs.unwrap_err().to_string(), "fetching");
        let theirs: eyre::Result<()> = super::reset().context("fetching").with_context(|| "starting");
        assert_eq!(theirs.unwrap_err().to_string(), "starting");
        assert!(ContextCompat::context(None::<u8>, "nothing").is_err());
        let ours: Result<()> = super::reset().add_context("fetching").note("n").hint("h").attr("k", 1);
        assert_eq!(ours.unwrap_err().to_string(), "fetching");
    }
}

mod snafu_context {
    use buttress_error::{Result, ResultExt as _};
    use snafu::{ResultExt, Snafu};

    #[derive(Debug, Snafu)]
    #[snafu(display("fetching"))]
    struct Fetch {
        source: std::io::Error,
    }

    #[test]
    fn both_traits_are_in_scope() {
        let theirs: Result<(), Fetch> = super::reset().context(FetchSnafu);
        let translated = theirs.translate().unwrap_err();
        assert_eq!(
            (translated.to_string().as_str(), translated.kind().as_str()),
            ("fetching", "unavailable")
        );
        let boxed: Result<(), buttress_error::BoxError> = super::reset().boxed();
        assert!(boxed.is_err());
        let whatever: Result<(), snafu::Whatever> = super::reset().whatever_context("fetching");
        assert!(whatever.is_err());
        let ours: Result<()> = super::reset().add_context("fetching").note("n").hint("h").attr("k", 1);
        assert_eq!(ours.unwrap_err().to_string(), "fetching");
    }
}
