//! What a user imports beside us still means what it did.
#![cfg(all(feature = "http", feature = "log", feature = "retry"))]

/// `use buttress::*` made `http::Request` a name that is not there.
mod glob {
    use buttress::*;

    #[test]
    fn a_glob_import_leaves_the_crate_http_alone() {
        let request: http::Request<()> = http::Request::new(());
        assert_eq!(*request.method(), http::Method::GET);
        assert_eq!(http::StatusCode::OK, 200);
        assert!(http::header::ACCEPT.as_str() == "accept" && http::Uri::default() == "/");
        let ours: http::HttpLayer<http::Request<()>> = HttpLayer::new("x");
        let error: Result<()> = Err(Error::new(Kind::Aborted, format!("{ours:?}")));
        assert!(error.is_err());
    }
}

mod prelude {
    use buttress::prelude::*;

    #[derive(Debug, thiserror::Error, Classify)]
    #[error("declined")]
    #[classify(kind = FailedPrecondition)]
    struct Declined;

    #[test]
    fn the_prelude_hides_no_crate() {
        // These are the crates of that name, not modules of ours.
        let request: http::Request<()> = http::Request::new(());
        assert_eq!(*request.method(), http::Method::GET);
        let run = || -> Result<()> { Err(Declined).hint("another card")? };
        assert_eq!(run().unwrap_err().kind(), Kind::FailedPrecondition);
        let policy = Policy::exponential();
        drop((policy, Breaker::new("b")));
    }
}

/// The extension traits of the prelude have no name that another could take away.
mod beside_a_trait_of_the_same_name {
    use buttress::prelude::*;

    trait ResultExt: Sized {
        fn context(self) -> Self {
            self
        }
    }
    impl<T, E> ResultExt for std::result::Result<T, E> {}

    #[test]
    fn both_are_in_scope() {
        let run = || -> Result<u8> { "x".parse::<u8>().context().translate().add_context("port") };
        assert_eq!(run().unwrap_err().to_string(), "port");
    }
}
