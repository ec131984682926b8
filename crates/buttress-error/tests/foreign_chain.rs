//! Rules of one's own for errors in a box: priority, veto, refinement, and the traps.
#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

use std::fmt;
use std::io;
use std::num::ParseIntError;
use std::sync::Arc;
use std::time::Duration;

use buttress_error::{
    BoxError, Chain, Class, Classified, Classifier, Classify, ConfigError, Delivery, Error, Finding, Kind,
    Rejection, RetryAdvice, RetrySummary, StopReason, TranslateLayer, chain, translate,
};
use tower::{Layer, ServiceExt, service_fn};

/// An application's own error.
#[derive(Debug, thiserror::Error)]
enum App {
    #[error("card declined")]
    CardDeclined,
    #[error("given up")]
    GivenUp,
}

impl Classify for App {
    fn class(&self) -> Class {
        match self {
            Self::CardDeclined => Class::new(Kind::FailedPrecondition).reason("CARD_DECLINED"),
            Self::GivenUp => Class::new(Kind::Unavailable).exhausted(),
        }
    }

    fn note_retry_summary(&mut self, effort: &RetrySummary) {
        if effort.exhausted {
            *self = Self::GivenUp;
        }
    }
}

/// A link of an unknown type.
#[derive(Debug, thiserror::Error)]
#[error("link")]
struct Link(#[source] BoxError);

fn link(error: impl Into<BoxError>) -> BoxError {
    Link(error.into()).into()
}

fn number() -> ParseIntError {
    "x".parse::<u8>().unwrap_err()
}

fn reset() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}

/// By the classifier, as a layer asks.
fn judged(rules: &Chain, error: BoxError) -> Class {
    *rules.judge(&Err::<(), _>(error)).class().unwrap()
}

#[test]
fn without_rules_it_is_what_is_built_in() {
    let rules = chain();
    for error in [link(reset()), number().into(), ConfigError::new("cap", "above base", 0).into()] {
        assert_eq!(rules.classify(&*error), error.classified());
    }
    assert!(rules.judge(&Ok::<_, BoxError>(())).is_success());
    assert!(rules.judge(&Ok::<_, Error>(())).is_success());
}

/// The trap: an application's error loses its class in a box, unless its type is named.
#[test]
fn knows_gives_a_type_its_class_back() {
    let boxes: [fn() -> BoxError; 5] = [
        || App::CardDeclined.into(),
        || link(App::CardDeclined),
        || io::Error::other(App::CardDeclined).into(),
        || io::Error::new(io::ErrorKind::TimedOut, App::CardDeclined).into(),
        || link(Arc::<dyn std::error::Error + Send + Sync>::from(BoxError::from(App::CardDeclined))),
    ];
    let rules = chain().knows::<App>();
    for (place, boxed) in boxes.iter().enumerate() {
        assert_ne!(boxed().classified().kind, Kind::FailedPrecondition, "{place}");
        assert_eq!(judged(&rules, boxed()), App::CardDeclined.class(), "{place}");
        let error = rules.translate(boxed());
        assert_eq!((error.kind(), error.class().reason), (Kind::FailedPrecondition, Some("CARD_DECLINED")));
        assert!(error.find::<App>().is_some());
    }
}

/// The other trap: `.translate()` on a classified type makes it unknown. The rules look into that.
#[test]
fn knows_looks_into_an_error_of_kind_unknown() {
    let rules = chain().knows::<App>();
    for lost in [
        Error::from(BoxError::from(App::CardDeclined)),
        Error::from(BoxError::from(io::Error::other(App::CardDeclined))),
    ] {
        assert_eq!(lost.kind(), Kind::Unknown);
        assert_eq!(rules.classify(&lost), App::CardDeclined.class());
        assert!(rules.judge(&Err::<(), _>(lost.clone())).is_success(), "the dependency answered");
        let found = rules.translate(lost.note("renewing"));
        assert_eq!(found.class().reason, Some("CARD_DECLINED"));
        assert_eq!(found.notes().next(), Some("renewing"), "it is the same value");
        assert!(found.notes().any(|note| note.contains("reclassified")), "and says so");
    }
    let given_up = Error::wrap(Class::new(Kind::Unknown).exhausted(), App::CardDeclined);
    assert!(rules.classify(&given_up).exhausted, "a retry layer's word stays");
    let plain = Error::new(Class::new(Kind::Unknown).reason("ODD"), "odd");
    assert_eq!(rules.classify(&plain).reason, Some("ODD"), "no later rule applies");
}

/// An error that somebody classified keeps its class, whatever the rules say of what it wraps.
#[test]
fn what_is_ours_ends_the_search() {
    let rules = chain().knows::<App>().kind_of::<io::Error>(Kind::DataLoss);
    let timeout = Rejection::attempt_timeout("db".into(), Duration::from_secs(1), Duration::from_secs(1));
    assert_eq!(rules.classify(&*link(Error::wrap(Kind::NotFound, App::CardDeclined))).kind, Kind::NotFound);
    assert_eq!(rules.classify(&*link(Error::wrap(Kind::NotFound, reset()))).kind, Kind::NotFound);
    assert_eq!(rules.classify(&timeout).kind, Kind::Timeout);
}

#[test]
fn the_first_rule_that_knows_decides() {
    let first = |error: &io::Error| match error.kind() {
        io::ErrorKind::ConnectionReset => Some(Kind::Throttled),
        _ => None,
    };
    let rules = chain().rule(first).kind_of::<io::Error>(Kind::DataLoss);
    assert_eq!(rules.classify(&reset()).kind, Kind::Throttled);
    assert_eq!(rules.classify(&io::Error::from(io::ErrorKind::TimedOut)).kind, Kind::DataLoss);
    let other_way = chain().kind_of::<io::Error>(Kind::DataLoss).rule(first);
    assert_eq!(other_way.classify(&reset()).kind, Kind::DataLoss);
    let appended = chain().kind_of::<ParseIntError>(Kind::BadResponse).then(&rules);
    assert_eq!(appended.classify(&number()).kind, Kind::BadResponse);
    assert_eq!(appended.classify(&reset()).kind, Kind::Throttled);
}

/// Among links the outermost that a rule knows; a rule anywhere goes before all that is built in.
#[test]
fn rules_go_before_tables() {
    let rules = chain().kind_of::<ParseIntError>(Kind::BadResponse);
    let carries = io::Error::new(io::ErrorKind::TimedOut, number());
    assert_eq!(buttress_error::classify(&carries).kind, Kind::Timeout);
    assert_eq!(rules.classify(&carries).kind, Kind::BadResponse);
    let both = chain().kind_of::<ParseIntError>(Kind::BadResponse).kind_of::<Link>(Kind::Aborted);
    assert_eq!(both.classify(&*link(number())).kind, Kind::Aborted);
}

#[test]
fn a_rule_may_forbid_what_comes_after_it() {
    let not_this = |error: &io::Error| match error.kind() {
        io::ErrorKind::TimedOut => Finding::Skip,
        _ => Finding::Pass,
    };
    let rules = chain().rule(not_this).kind_of::<io::Error>(Kind::DataLoss);
    let timed_out = || io::Error::from(io::ErrorKind::TimedOut);
    assert_eq!(rules.classify(&timed_out()).kind, Kind::Unknown, "neither the next rule nor the table");
    assert_eq!(rules.classify(&reset()).kind, Kind::DataLoss);
    let carries = io::Error::new(io::ErrorKind::TimedOut, ConfigError::new("cap", "above base", 0));
    assert_eq!(rules.classify(&carries).kind, Kind::Config, "its cause may speak");
    let unknown = chain().rule(|_: &Link| Kind::Unknown);
    assert_eq!(unknown.classify(&*link(reset())).kind, Kind::Unknown, "no other rule is called");
}

#[test]
fn a_refinement_changes_what_was_found() {
    let wait = Duration::from_secs(3);
    let rules = chain().refine(move |_: &io::Error, class| class.retry_after(wait)).refine(
        |_: &io::Error, class: Class| if class.retry_after.is_some() { class.reason("SLOW") } else { class },
    );
    let expected = Class::new(Kind::Unavailable).retry_after(wait).reason("SLOW");
    assert_eq!(rules.classify(&*link(reset())), expected);
    assert_eq!(rules.classify(&Error::from(reset())), expected, "inside of an error of ours too");
    assert_eq!(rules.classify(&number()), Class::new(Kind::Unknown), "there is none in this chain");
    let never = chain().refine(|_: &Link, class| class.retry(RetryAdvice::Never));
    assert_eq!(judged(&never, link(reset())).retry, RetryAdvice::Never);
}

/// An error that is its own cause.
#[derive(Debug)]
struct Ouroboros;

impl fmt::Display for Ouroboros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("again")
    }
}

impl std::error::Error for Ouroboros {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(self)
    }
}

#[test]
fn an_endless_chain_ends() {
    let rules = chain().knows::<App>().refine(|_: &App, class| class);
    assert_eq!(rules.classify(&Ouroboros).kind, Kind::Unknown);
}

/// A retry layer that gives up tells the error in the box, so that the next one stops.
#[test]
fn a_known_type_takes_the_effort() {
    let mut effort = RetrySummary::new(3, Duration::ZERO, StopReason::Attempts);
    effort.exhausted = true;
    let mut outcome: Result<(), BoxError> = Err(App::CardDeclined.into());
    chain().stamp(&mut outcome, &effort);
    assert!(!judged(&chain().knows::<App>(), outcome.unwrap_err()).exhausted);
    let mut outcome: Result<(), BoxError> = Err(App::CardDeclined.into());
    chain().knows::<App>().stamp(&mut outcome, &effort);
    assert!(judged(&chain().knows::<App>(), outcome.unwrap_err()).exhausted);
}

async fn through(layer: TranslateLayer, error: BoxError) -> Error {
    let error = std::sync::Mutex::new(Some(error));
    let service =
        service_fn(move |(): ()| std::future::ready(Err::<(), _>(error.lock().unwrap().take().unwrap())));
    layer.layer(service).oneshot(()).await.unwrap_err()
}

#[tokio::test]
async fn the_translate_layer_takes_rules() {
    let rules = chain()
        .knows::<App>()
        .kind_of::<ParseIntError>(Class::new(Kind::BadResponse).reason("NO_NUMBER"))
        .refine(|_: &io::Error, class| class.delivery(Delivery::NotProcessed));
    let db = translate("db").rules(rules);
    let error = through(db.clone(), number().into()).await;
    assert_eq!((error.kind(), error.class().reason), (Kind::BadResponse, Some("NO_NUMBER")));
    assert_eq!((error.domain(), error.location()), (Some("db"), None));
    let error = through(db.clone(), reset().into()).await;
    assert_eq!((error.kind(), error.class().delivery), (Kind::Unavailable, Delivery::NotProcessed));
    let error = through(db, link(App::CardDeclined)).await;
    assert_eq!((error.kind(), error.class().reason), (Kind::FailedPrecondition, Some("CARD_DECLINED")));
}

/// Rule 9: a foreign error that blames its caller is not the fault of our own caller; an error of the program's own is.
#[tokio::test]
async fn only_foreign_errors_are_a_dependencys() {
    let missing = || BoxError::from(io::Error::from(io::ErrorKind::NotFound));
    let db = || translate("db").rules(chain().knows::<App>().kind_of::<ParseIntError>(Kind::NotFound));
    let foreign = through(db(), missing()).await;
    assert!(foreign.class().dependency);
    assert_eq!((foreign.kind(), foreign.class().at_edge().kind), (Kind::NotFound, Kind::Internal));
    assert!(through(db(), number().into()).await.class().dependency, "a rule about others");
    let judged = foreign.clone().reclassify(Kind::NotFound);
    assert_eq!(judged.class().at_edge().kind, Kind::NotFound, "somebody said so");

    let named = Error::from(io::Error::from(io::ErrorKind::NotFound)).with_domain("db");
    assert!(!named.class().dependency, "a domain alone marks nothing");
    assert!(!through(db(), App::CardDeclined.into()).await.class().dependency);
    assert!(!through(db(), Error::new(Kind::NotFound, "row").into()).await.class().dependency);
    assert!(
        through(translate("orders"), foreign.into()).await.class().dependency,
        "a second layer changes nothing"
    );
}
