//! Backtraces and spans.

use std::process::Command;

use buttress_error::{Class, Error, Kind, bug};

const CHILD: &str = "BUTTRESS_TRACE_CHILD";

/// The part that runs in a process of its own, as the standard library reads its variables once.
#[test]
fn child() {
    let Ok(expected) = std::env::var(CHILD) else { return };
    for kind in Kind::ALL {
        let error = Error::new(kind, "x").note("n");
        let backtrace = error.backtrace().map(ToString::to_string);
        let wanted = expected == "on" && [Kind::Internal, Kind::DataLoss, Kind::Panic].contains(&kind);
        assert_eq!(backtrace.is_some(), wanted, "{kind}");
        assert_eq!(format!("{error:?}").contains("\n  backtrace: "), wanted, "{kind}");
        assert!(backtrace.is_none_or(|text| text.contains("trace::child")), "{kind}");
    }
    // A failure that another program reports is not a bug here.
    let remote = [
        Error::wrap(Class::of_http(500).dependency(), "answered 500"),
        Error::new(Kind::Internal, "theirs").of_dependency("db"),
        Error::new(buttress_error::WireError::new(Kind::DataLoss).to_class(), "lost"),
        #[cfg(feature = "tonic")]
        tonic::Status::internal("theirs").into(),
        #[cfg(feature = "tonic")]
        Box::new(tonic::Status::data_loss("theirs")).into(),
        #[cfg(feature = "tonic")]
        Error::from(buttress_error::BoxError::from(tonic::Status::internal("theirs"))),
        #[cfg(feature = "tonic")]
        buttress_error::chain().translate(std::sync::Arc::new(tonic::Status::internal("theirs"))),
        #[cfg(feature = "serde")]
        serde_json::from_str::<buttress_error::Outcome<()>>(
            r#"{"ok":false,"error":{"code":"X","kind":"internal","message":"theirs"}}"#,
        )
        .expect("an outcome")
        .into_result()
        .unwrap_err(),
    ];
    for error in remote {
        assert!(error.kind().is_bug() && error.backtrace().is_none(), "{error:?}");
    }
    // A bug of ours keeps the place where it was made, whatever carries it.
    let shared =
        Error::from(buttress_error::BoxError::from(std::io::Error::other(std::sync::Arc::new(bug!("x")))));
    assert_eq!(shared.backtrace().is_some(), expected == "on");
    #[derive(Debug, thiserror::Error)]
    #[error("broken")]
    struct Broken;
    impl buttress_error::Classify for Broken {
        fn class(&self) -> Class {
            Class::new(Kind::Internal)
        }
    }
    assert_eq!(Error::from(Broken).backtrace().is_some(), expected == "on");
    assert_eq!(Error::wrap(Kind::Internal, Broken).backtrace().is_some(), expected == "on");
    assert_eq!(bug!("x").context("c").backtrace().is_some(), expected == "on");
    let reclassified = Error::new(Kind::NotFound, "x").reclassify(Class::new(Kind::Internal));
    assert!(reclassified.backtrace().is_none(), "where it was made is not known any more");
}

#[test]
fn only_a_bug_has_a_backtrace_and_only_where_the_environment_says_so() {
    let cases = [
        (None, None, "off"),
        (Some("1"), None, "on"),
        (None, Some("1"), "on"),
        (Some("1"), Some("0"), "off"),
    ];
    for (backtrace, lib, expected) in cases {
        let mut command = Command::new(std::env::current_exe().expect("it runs"));
        command.args(["--exact", "child"]).env(CHILD, expected);
        for (name, value) in [("RUST_BACKTRACE", backtrace), ("RUST_LIB_BACKTRACE", lib)] {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let out = command.output().expect("it starts");
        let told = String::from_utf8_lossy(&out.stdout);
        assert!(out.status.success() && told.contains("1 passed"), "{backtrace:?} {lib:?}: {told}");
    }
}

#[cfg(feature = "tracing-error")]
#[test]
fn the_spans_are_those_that_it_was_made_in() {
    use tracing_subscriber::layer::SubscriberExt;

    assert!(Error::new(Kind::NotFound, "x").span_trace().is_none(), "without the layer");
    let subscriber = tracing_subscriber::registry().with(tracing_error::ErrorLayer::default());
    tracing::subscriber::with_default(subscriber, || {
        assert!(Error::new(Kind::NotFound, "x").span_trace().is_none(), "outside of any span");
        let error = tracing::info_span!("renewal").in_scope(|| Error::new(Kind::NotFound, "x").note("n"));
        assert!(error.span_trace().is_some());
        assert!(format!("{:?}", error.context("c")).contains("renewal"));
    });
}
