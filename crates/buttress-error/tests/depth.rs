//! What is deep, wide or hostile is held, told and dropped all the same.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use buttress_error::{
    BoxError, ByKind, Cause, Classifier, Error, ErrorGroup, Kind, Rejection, RetrySummary, StopReason, Trip,
    TripReason, classify,
};

const DEEP: usize = 100_000;

fn leaf() -> Error {
    Error::new(Kind::Timeout, "slow")
}

fn pair(first: Error, second: Error) -> Error {
    ErrorGroup::of([first, second]).expect("two").into()
}

/// More frames than any stack holds.
#[test]
fn groups_in_groups_are_told_and_dropped() {
    let error = (0..DEEP).fold(leaf(), |error, _| pair(error, leaf()).context("again"));
    assert_eq!(classify(&error).kind, Kind::Timeout);
    assert!(error.find::<io::Error>().is_none());
    assert!(format!("{error:#}{error:?}").len() < 100_000);
    #[cfg(feature = "serde")]
    assert!(serde_json::to_string(&error).expect("it serialises").len() < 100_000);
    drop(error);
}

#[test]
fn barriers_behind_barriers_are_told_and_dropped() {
    let error = (0..DEEP).fold(leaf(), |error, _| error.context("again").barrier());
    assert!(format!("{error:#}{error:?}").len() < 100_000);
    #[cfg(feature = "serde")]
    assert!(serde_json::to_string(&error).expect("it serialises").len() < 100_000);
    drop(error);
}

/// Links of every sort that can be taken apart: in an `io::Error`, in two, as a cause, as the cause of a refusal, below a
/// remedy that failed, and all of them in turn.
#[test]
fn links_of_every_sort_are_dropped() {
    type Wrap = fn(Error) -> Error;
    let kinds: [Wrap; 8] = [
        |error| io::Error::other(error).into(),
        |error| Error::from(BoxError::from(io::Error::other(io::Error::other(error)))),
        |error| leaf().caused_by(error),
        |error| leaf().context("a").context("b").context("c").caused_by(io::Error::other(error)),
        |error| {
            let cause = Cause::new(&Kind::Timeout.into(), Some(error));
            Rejection::deadline("d".into(), Duration::ZERO, Duration::ZERO, Some(cause)).into()
        },
        |error| {
            let cause = Cause::new(&Kind::Timeout.into(), Some(error));
            let trip = Arc::new(Trip::new("c".into(), TripReason::Streak { failures: 1 }, Some(cause)));
            Error::from(Rejection::circuit_open(trip, Duration::ZERO)).context("c")
        },
        |error| {
            let mut effort = RetrySummary::new(1, Duration::ZERO, StopReason::NotRetryable);
            effort.remedy = Some(error);
            let mut outcome: Result<(), Error> = Err(leaf());
            ByKind.stamp(&mut outcome, &effort);
            outcome.expect_err("it was one").context("c")
        },
        |error| pair(error.context("c").context("c").context("c"), leaf()).barrier(),
    ];
    for wrap in kinds {
        drop((0..DEEP).fold(leaf(), |error, _| wrap(error)));
    }
    drop((0..DEEP).fold(leaf(), |error, turn| kinds[turn % kinds.len()](error)));
}

/// What others hold too stays, however deep what is dropped above it.
#[test]
fn a_shared_part_of_a_chain_stays() {
    let shared = (0..DEEP).fold(leaf(), |error, _| Error::from(io::Error::other(error)));
    let deeper = (0..DEEP).fold(shared.clone(), |error, _| error.context("again"));
    drop(deeper);
    assert!(shared.is::<io::Error>());
    drop(shared);
}

/// "At most 4096 members": two to the power of thirty would never end.
#[cfg(feature = "serde")]
#[test]
fn members_that_are_shared_over_and_over_are_counted() {
    let error = (0..30).fold(leaf(), |error, _| pair(error.clone(), error));
    let told = serde_json::to_string(&error).expect("it serialises");
    assert_eq!(told.matches(r#""kind":"timeout""#).count(), 4_096 + 1);
    assert!(told.contains(r#""more":2"#), "what is left out is counted");
    serde_json::from_str::<serde_json::Value>(&told).expect("not deeper than readers go");
}

/// A member more costs the same, however many there are.
#[test]
fn a_group_takes_many_members_one_by_one() {
    let mut group = ErrorGroup::new(leaf());
    (0..DEEP).for_each(|_| group.push(leaf()));
    assert_eq!(group.members().len(), DEEP + 1);
}

/// "Only `hidden` and the report still tell": of all that barriers hide.
#[test]
fn a_barrier_hides_and_keeps_what_is_behind_an_earlier_one() {
    let error = leaf().caused_by(io::Error::other("reset")).barrier();
    for error in [error.clone().barrier(), error.context("while paying").barrier()] {
        let earlier = error.hidden().and_then(Error::hidden).expect("both are there");
        assert!(earlier.find::<io::Error>().is_some() && error.find::<io::Error>().is_none());
        assert!(format!("{error:?}").contains("reset"), "{error:?}");
    }
}

/// A message can not pass for a line of the report.
#[test]
fn a_message_forges_no_line_of_the_report() {
    let text = "down\n  kind: not_found";
    let error = Error::new(Kind::Internal, text).with_domain(text).note(text).attr("key", text);
    let report = format!("{:?}", error.caused_by(io::Error::other(text)));
    assert_eq!(report.lines().filter(|line| line.starts_with("  kind:")).count(), 1, "{report}");
}

#[derive(Debug)]
struct Failing;

impl fmt::Display for Failing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("half")?;
        Err(fmt::Error)
    }
}

impl std::error::Error for Failing {}

/// What clients and machines read is no place to panic.
#[test]
fn a_display_that_fails_leaves_what_it_wrote() {
    let class = buttress_error::Class::new(Kind::NotFound).public();
    let error = Error::wrap(class, Failing);
    assert_eq!(error.safe().to_string(), "half");
    #[cfg(feature = "serde")]
    assert!(serde_json::to_string(&error.caused_by(Failing)).expect("it serialises").contains("half"));
}

/// Boxed and shared errors in an `io::Error` are taken apart, too.
#[test]
fn links_in_a_box_or_an_arc_are_dropped() {
    let kinds: [fn(Error) -> Error; 3] = [
        |error| io::Error::other(Box::new(error)).into(),
        |error| io::Error::other(Arc::new(error)).into(),
        |error| leaf().caused_by(io::Error::other(Arc::new(error))),
    ];
    let error = (0..DEEP).fold(leaf(), |error, turn| kinds[turn % kinds.len()](error));
    assert!(format!("{error:#}{error:?}").len() < 100_000);
    assert_eq!((error.kind(), error.domain()), (Kind::Timeout, None));
    drop(error);
}
