//! [S3] A known error behind a `Box`, an `Arc` or a context of anyhow or eyre is found, with all that was added to it.
#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

use std::error::Error as StdError;
use std::io;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use buttress_error::{
    BoxError, ByKind, Class, Classified, Classifier, Classify, ConfigError, Delivery, Error, ErrorGroup,
    Exit, Kind, Rejection, Result, ResultExt, RetrySummary, StopReason, TranslateLayer, chain, classify,
    find, links,
};
use tower::{Layer, ServiceExt, service_fn};

/// An error of a user, with a cause of any type.
#[derive(Debug, thiserror::Error)]
#[error("loading the order")]
struct Load<E: StdError + 'static>(#[source] E);

fn refused() -> io::Error {
    io::ErrorKind::ConnectionRefused.into()
}

fn not_processed() -> Class {
    Class::new(Kind::Unavailable).delivery(Delivery::NotProcessed)
}

type Make = Box<dyn Fn() -> BoxError>;

/// Each way to hold a `T`, and an `io::Error` around it.
fn pointers<T: StdError + Send + Sync + 'static>(make: impl Fn() -> T + Clone + 'static) -> Vec<Make> {
    fn each<W: StdError + Send + Sync + 'static>(wrap: impl Fn() -> W + Clone + 'static) -> Vec<Make> {
        let (one, two) = (wrap.clone(), wrap.clone());
        vec![
            Box::new(move || wrap().into()),
            Box::new(move || Load(one()).into()),
            Box::new(move || io::Error::other(two()).into()),
        ]
    }
    let (a, b, c, d, e, f, g, h) = (
        make.clone(),
        make.clone(),
        make.clone(),
        make.clone(),
        make.clone(),
        make.clone(),
        make.clone(),
        make.clone(),
    );
    let shared = move || Arc::<dyn StdError + Send + Sync>::from(BoxError::from(g()));
    let boxed = shared.clone();
    [
        each(make),
        each(move || Box::new(a())),
        each(move || Arc::new(b())),
        each(move || Box::new(Box::new(c()))),
        each(move || Arc::new(Arc::new(d()))),
        each(move || Box::new(Arc::new(e()))),
        each(move || Arc::new(Box::new(f()))),
        each(shared),
        each(move || Box::new(boxed())),
        each(move || &*Box::leak(Box::new(h()))),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[track_caller]
fn known<T: StdError + Send + Sync + 'static>(make: impl Fn() -> T + Clone + 'static, class: Class) {
    for (place, boxed) in pointers(make).iter().enumerate() {
        let of = |class: Class| (class.kind, class.delivery, class.retry, class.reason);
        let error = boxed();
        assert_eq!(of(classify(&*error)), of(class), "{place}: {error:?}");
        assert_eq!(of(error.classified()), of(class), "{place}");
        assert_eq!(of(chain().classify(&*boxed())), of(class), "{place}");
        assert!(find::<T>(&*error).is_some(), "{place}: {error:?}");
        let translated = Err::<(), _>(error).translate().unwrap_err();
        assert_eq!(of(*translated.class()), of(class), "{place}");
        assert_eq!(of(*chain().translate(boxed()).class()), of(class), "{place}");
        if std::any::TypeId::of::<T>() != std::any::TypeId::of::<Error>() {
            assert!(translated.find::<T>().is_some(), "{place}: {translated:?}");
        }
        assert_eq!(Exit::from(boxed()).error().unwrap().kind(), class.kind, "{place}");
    }
}

/// A known error behind a box or an arc was once unknown, and never retried.
#[test]
fn a_known_error_behind_a_box_or_an_arc_keeps_its_class() {
    known(refused, not_processed());
    known(
        || Error::new(Kind::Aborted, "conflict").reason("CONFLICT"),
        Class::new(Kind::Aborted).reason("CONFLICT"),
    );
    let opened = || Rejection::forced_open("db".into(), Duration::from_secs(1));
    known(opened, opened().class());
    known(|| ConfigError::new("cap", "above base", 0), Class::new(Kind::Config));
    known(|| ErrorGroup::new(refused()), not_processed());
}

#[cfg(feature = "serde_json")]
#[test]
fn a_json_error_behind_an_arc_keeps_its_class() {
    known(|| serde_json::from_str::<u8>("x").unwrap_err(), Class::new(Kind::BadResponse));
}

#[cfg(feature = "tonic")]
#[test]
fn a_status_behind_an_arc_keeps_its_class() {
    known(|| tonic::Status::unavailable("down"), Class::new(Kind::Unavailable));
}

#[cfg(feature = "redis")]
#[test]
fn a_redis_error_behind_an_arc_keeps_its_class() {
    known(|| redis::RedisError::from(refused()), not_processed());
}

#[cfg(feature = "h2")]
#[test]
fn an_h2_error_behind_an_arc_keeps_its_class() {
    known(
        || h2::Error::from(h2::Reason::REFUSED_STREAM),
        classify(&h2::Error::from(h2::Reason::REFUSED_STREAM)),
    );
}

#[cfg(feature = "tower")]
#[test]
fn an_error_of_tower_behind_an_arc_keeps_its_class() {
    known(tower::load_shed::error::Overloaded::new, Class::new(Kind::Rejected));
    known(tower::timeout::error::Elapsed::new, Class::new(Kind::Timeout));
}

#[cfg(feature = "tokio")]
#[tokio::test]
async fn an_error_of_tokio_behind_an_arc_keeps_its_class() {
    async fn elapsed() -> tokio::time::error::Elapsed {
        tokio::time::timeout(Duration::ZERO, std::future::pending::<()>()).await.unwrap_err()
    }
    let shared = Arc::new(elapsed().await);
    assert_eq!(classify(&Load(Arc::clone(&shared))).kind, Kind::Timeout);
    let task = tokio::spawn(std::future::pending::<()>());
    task.abort();
    assert_eq!(classify(&Load(Box::new(task.await.unwrap_err()))).kind, Kind::Cancelled);
}

#[cfg(feature = "reqwest")]
#[test]
fn a_reqwest_error_behind_an_arc_keeps_its_class() {
    let invalid = || reqwest::Client::new().get("no url").build().unwrap_err();
    known(invalid, classify(&invalid()));
}

/// A type that only the user's rules know.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("card declined")]
struct Declined;

impl Classify for Declined {
    fn class(&self) -> Class {
        Class::new(Kind::FailedPrecondition).reason("DECLINED")
    }
}

#[test]
fn a_registered_type_behind_a_box_or_an_arc_is_known() {
    let rules = [
        chain().knows::<Declined>(),
        chain().kind_of::<Declined>(Declined.class()),
        chain().rule(|declined: &Declined| declined.class()),
        chain().refine(|_: &Declined, _| Declined.class()),
    ];
    for (rule, rules) in rules.iter().enumerate() {
        // An `Arc<dyn Error>` is seen through for any type.
        for (place, boxed) in pointers(|| Declined).iter().enumerate() {
            assert_eq!(rules.classify(&*boxed()).reason, Some("DECLINED"), "{rule} {place}");
            assert!(rules.translate(boxed()).find::<Declined>().is_some(), "{rule} {place}");
        }
    }
}

/// An error with everything that can be added to it.
fn full() -> Error {
    let mut error = Error::new(Kind::NotFound, "no such order")
        .reason("NO_ORDER")
        .note("order 7")
        .attr("order", 7)
        .hint("look again")
        .of_dependency("orders");
    let mut effort = RetrySummary::new(3, Duration::from_secs(1), StopReason::Attempts);
    effort.exhausted = true;
    Classified::stamp(&mut error, &effort);
    error
}

#[track_caller]
fn keeps(error: &Error, at: Option<&'static Location<'static>>, place: &str) {
    let class = error.class();
    assert_eq!((class.kind, class.reason), (Kind::NotFound, Some("NO_ORDER")), "{place}");
    assert!(class.exhausted && class.dependency, "{place}");
    assert_eq!(error.notes().collect::<Vec<_>>(), ["order 7"], "{place}");
    assert_eq!(error.hints().collect::<Vec<_>>(), ["look again"], "{place}");
    assert_eq!(error.attrs().map(|(key, _)| key).collect::<Vec<_>>(), ["order"], "{place}");
    assert_eq!(error.retry_summary().map(|effort| effort.attempts), Some(3), "{place}");
    assert_eq!(error.domain(), Some("orders"), "{place}");
    assert_eq!(error.location(), at, "{place}");
}

/// "Notes and attributes are lost; so in `.translate()`."
#[test]
fn what_was_added_to_an_error_behind_a_box_or_an_arc_is_kept() {
    let inner = full();
    let at = inner.location();
    for (place, boxed) in pointers(move || inner.clone()).iter().enumerate() {
        keeps(&Err::<(), _>(boxed()).translate().unwrap_err(), at, &format!("translate {place}"));
        keeps(&chain().translate(boxed()), at, &format!("chain {place}"));
        let exit = Exit::from(boxed());
        keeps(exit.error().unwrap(), at, &format!("exit {place}"));
        let question_mark = || -> Result<()> { Err(boxed())? };
        keeps(&question_mark().unwrap_err(), at, &format!("? {place}"));
    }
}

/// The layer adds its domain, and no more.
#[tokio::test]
async fn the_translate_layer_sees_through_a_shared_error() {
    async fn shared(_: ()) -> Result<(), Load<Arc<Error>>> {
        Err(Load(Arc::new(Error::new(Kind::Aborted, "conflict").note("row 7"))))
    }
    let error = TranslateLayer::new("db").layer(service_fn(shared)).oneshot(()).await.unwrap_err();
    assert_eq!((error.kind(), error.domain()), (Kind::Aborted, Some("db")));
    assert_eq!(error.notes().collect::<Vec<_>>(), ["row 7"]);
    assert!(error.location().is_some_and(|at| at.file().ends_with("wrappers.rs")));
}

/// An `Error` that is boxed or shared, and no more, comes out as the same value.
#[test]
fn an_error_of_ours_in_a_box_or_an_arc_is_the_same_value() {
    fn boxed() -> Result<()> {
        Err(Box::new(full()))?
    }
    fn shared() -> Result<()> {
        Err(Arc::new(full()))?
    }
    for error in [
        boxed().unwrap_err(),
        shared().unwrap_err(),
        Err::<(), _>(Arc::new(full())).translate().unwrap_err(),
        Error::from(BoxError::from(Box::new(Arc::new(full())))),
    ] {
        assert_eq!(error.to_string(), "orders: no such order");
        assert!(StdError::source(&error).is_none(), "it was not wrapped");
    }
    let wrapped = Error::wrap(Kind::Internal, Arc::new(full()));
    assert_eq!((wrapped.kind(), wrapped.notes().count()), (Kind::Internal, 2), "reclassified");
    let caused = Error::new(Kind::Internal, "outer").caused_by(Arc::new(full()));
    assert!(caused.class().exhausted && caused.find::<Error>().is_some());
}

/// A retry layer that gives up marks an error behind a pointer, too.
#[test]
fn an_error_in_a_box_or_an_arc_is_marked_as_given_up() {
    let mut effort = RetrySummary::new(2, Duration::from_secs(1), StopReason::Attempts);
    effort.exhausted = true;
    let plain = || Error::new(Kind::Unavailable, "down");
    let boxes: [BoxError; 4] = [
        plain().into(),
        Box::new(plain()).into(),
        Arc::new(plain()).into(),
        io::Error::other(Arc::new(plain())).into(),
    ];
    for (place, error) in boxes.into_iter().enumerate() {
        let mut outcome: Result<(), BoxError> = Err(error);
        ByKind.stamp(&mut outcome, &effort);
        let error = outcome.unwrap_err();
        assert!(error.classified().exhausted, "{place}");
        assert_eq!(Error::from(error).retry_summary().map(|effort| effort.attempts), Some(2), "{place}");
    }
    let mut outcome: Result<(), Arc<Error>> = Err(Arc::new(plain()));
    ByKind.stamp(&mut outcome, &effort);
    assert!(outcome.unwrap_err().class().exhausted);
}

/// A failure that a retry layer has exhausted stays exhausted below an error of another known type.
#[test]
fn a_kind_above_does_not_hide_that_an_error_is_exhausted() {
    let error = io::Error::new(io::ErrorKind::TimedOut, full());
    assert_eq!(classify(&error).kind, Kind::Timeout);
    assert!(classify(&error).exhausted && chain().classify(&error).exhausted);
    let error = Error::from(error);
    assert_eq!(error.notes().count(), 1);
    assert_eq!(error.hints().count(), 0, "words for clients belong to the other kind");
}

#[test]
fn links_and_find_see_what_source_passes_over() {
    let error = io::Error::other(Load(Arc::new(refused())));
    assert_eq!(find::<io::Error>(&error).map(io::Error::kind), Some(io::ErrorKind::Other), "the first one");
    let kinds = links(&error).filter_map(|link| Some(link.downcast_ref::<io::Error>()?.kind()));
    assert_eq!(kinds.collect::<Vec<_>>(), [io::ErrorKind::Other, io::ErrorKind::ConnectionRefused]);
    assert!(find::<Declined>(&error).is_none());
    assert!(find::<Declined>(&Load(Box::new(Arc::new(Declined)))).is_some(), "also an unknown type");
}

#[cfg(feature = "anyhow")]
mod with_anyhow {
    use super::*;
    use anyhow::Context as _;

    fn fetch(context: bool) -> anyhow::Result<()> {
        let result: anyhow::Result<()> = Err(refused().into());
        if context { result.context("fetching").context("starting") } else { result }
    }

    /// Without `.context()` the `io::Error` was once not found.
    #[test]
    fn an_anyhow_error_is_searched_with_and_without_context() {
        for context in [false, true] {
            let error = fetch(context).translate().unwrap_err();
            assert_eq!((error.kind(), error.class().delivery), (Kind::Unavailable, Delivery::NotProcessed));
            assert!(error.find::<io::Error>().is_some());
            let text = format!("{error:#}");
            assert_eq!(
                text,
                if context { "starting: fetching: connection refused" } else { "connection refused" }
            );
            let question_mark = || -> Result<()> { Ok(fetch(context)?) };
            assert_eq!(question_mark().unwrap_err().kind(), Kind::Unavailable);
            assert_eq!(fetch(context).note("n").unwrap_err().kind(), Kind::Unavailable);
            assert_eq!(fetch(context).unwrap_err().classified(), not_processed());
            assert_eq!(Exit::from(fetch(context).unwrap_err()).error().unwrap().kind(), Kind::Unavailable);
            assert_eq!(chain().translate(fetch(context).unwrap_err()).kind(), Kind::Unavailable);
            assert_eq!(Error::wrap(Kind::Config, fetch(context).unwrap_err()).kind(), Kind::Config);
            let caused = Error::new(Kind::Internal, "x").caused_by(fetch(context).unwrap_err());
            assert!(caused.find::<io::Error>().is_some());
        }
    }

    #[tokio::test]
    async fn the_translate_layer_searches_an_anyhow_error() {
        for context in [false, true] {
            let service = service_fn(move |(): ()| std::future::ready(fetch(context)));
            let error = TranslateLayer::new("db").layer(service).oneshot(()).await.unwrap_err();
            assert_eq!((error.kind(), error.domain()), (Kind::Unavailable, Some("db")));
        }
    }

    #[test]
    fn an_error_of_ours_in_an_anyhow_error_keeps_everything() {
        let inner = full();
        let (at, same) = (inner.location(), inner.clone());
        let error = Error::from(anyhow::Error::from(same));
        assert!(StdError::source(&error).is_none(), "the same value");
        keeps(&error, at, "plain");
        keeps(&Error::from(anyhow::Error::from(inner.clone()).context("c").context("d")), at, "contexts");
        keeps(&Error::from(anyhow::Error::from(Arc::new(inner.clone())).context("c")), at, "shared");
        keeps(&Error::from(anyhow::Error::from(io::Error::other(inner)).context("c")), at, "io");
    }

    /// [S16] A retry layer marks it inside the box.
    #[test]
    fn an_anyhow_error_is_marked_as_given_up() {
        let mut effort = RetrySummary::new(2, Duration::from_secs(1), StopReason::Attempts);
        effort.exhausted = true;
        let plain = || Error::new(Kind::Unavailable, "down");
        for error in [
            anyhow::Error::from(plain()),
            anyhow::Error::from(plain()).context("c"),
            anyhow::Error::from(io::Error::other(plain())).context("c"),
            anyhow::Error::from_boxed(plain().into()),
        ] {
            let mut outcome: Result<(), anyhow::Error> = Err(error);
            ByKind.stamp(&mut outcome, &effort);
            assert!(outcome.unwrap_err().classified().exhausted);
        }
    }

    /// An enum around it, as those of many libraries.
    #[test]
    fn an_enum_around_an_anyhow_error_is_searched() {
        #[derive(Debug, thiserror::Error)]
        enum App {
            #[error("middleware: {0}")]
            Middleware(#[from] anyhow::Error),
        }
        for context in [false, true] {
            let error: BoxError = App::Middleware(fetch(context).unwrap_err()).into();
            assert_eq!(error.classified(), not_processed(), "{context}");
        }
    }

    #[test]
    fn a_box_in_an_anyhow_error_is_searched() {
        let error = || anyhow::Error::from_boxed(BoxError::from(refused()));
        assert_eq!(error().classified(), not_processed());
        assert_eq!(Error::from(error()).kind(), Kind::Unavailable);
    }
}

#[cfg(feature = "eyre")]
mod with_eyre {
    use super::*;
    use eyre::WrapErr as _;

    fn fetch(context: bool) -> eyre::Result<()> {
        let result: eyre::Result<()> = Err(refused().into());
        if context { result.wrap_err("fetching").wrap_err("starting") } else { result }
    }

    #[test]
    fn an_eyre_report_is_searched_with_and_without_context() {
        for context in [false, true] {
            let error = fetch(context).translate().unwrap_err();
            assert_eq!((error.kind(), error.class().delivery), (Kind::Unavailable, Delivery::NotProcessed));
            assert!(error.find::<io::Error>().is_some());
            let text = format!("{error:#}");
            assert_eq!(
                text,
                if context { "starting: fetching: connection refused" } else { "connection refused" }
            );
            let question_mark = || -> Result<()> { Ok(fetch(context)?) };
            assert_eq!(question_mark().unwrap_err().kind(), Kind::Unavailable);
            assert_eq!(fetch(context).unwrap_err().classified(), not_processed());
            assert_eq!(Exit::from(fetch(context).unwrap_err()).error().unwrap().kind(), Kind::Unavailable);
            let boxed = eyre::Report::msg("x").wrap_err("y");
            assert_eq!(Error::from(boxed).kind(), Kind::Unknown);
        }
        let error = || eyre::eyre!(BoxError::from(refused()));
        assert_eq!(error().classified(), not_processed());
        assert_eq!(Error::from(error()).kind(), Kind::Unavailable);
    }

    #[test]
    fn an_error_of_ours_in_an_eyre_report_keeps_everything() {
        let inner = full();
        let at = inner.location();
        let error = Error::from(eyre::Report::from(inner.clone()));
        assert!(StdError::source(&error).is_none(), "the same value");
        keeps(&error, at, "plain");
        keeps(&Error::from(eyre::Report::from(inner.clone()).wrap_err("c").wrap_err("d")), at, "contexts");
        keeps(&Error::from(eyre::Report::from(Arc::new(inner)).wrap_err("c")), at, "shared");
    }

    #[test]
    fn an_eyre_report_is_marked_as_given_up() {
        let mut effort = RetrySummary::new(2, Duration::from_secs(1), StopReason::Attempts);
        effort.exhausted = true;
        let mut outcome: Result<(), eyre::Report> =
            Err(eyre::Report::from(Error::new(Kind::Unavailable, "down")).wrap_err("c"));
        ByKind.stamp(&mut outcome, &effort);
        assert!(outcome.unwrap_err().classified().exhausted);
    }
}
