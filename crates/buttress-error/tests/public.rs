//! Whose words are public: a class allows the message of the error that has it, and no other.

use std::fmt;
use std::io;

use buttress_error::{BoxError, Class, Classified, Classify, Error, ErrorGroup, Kind, chain, classify};

const CANARY: &str = "canary-51c2";

#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("card declined")]
struct Declined;

impl Classify for Declined {
    fn class(&self) -> Class {
        Class::new(Kind::FailedPrecondition).public()
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{CANARY}")]
struct Foreign(#[source] Error);

/// Says what the error in it says, as `#[error(transparent)]` does.
#[derive(Debug)]
struct Transparent<E>(E);

impl<E: fmt::Display> fmt::Display for Transparent<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<E: fmt::Debug + fmt::Display> std::error::Error for Transparent<E> {}

impl<E: Classified> Classify for Transparent<E> {
    fn class(&self) -> Class {
        Class::from(&self.0)
    }
}

fn declined() -> Error {
    Declined.into()
}

fn telling() -> [Error; 3] {
    [declined().context(CANARY), declined().with_domain(CANARY), {
        Error::new(Class::new(Kind::NotFound).public(), CANARY).public("for you")
    }]
}

#[track_caller]
fn silent(error: &Error, kind: Kind) {
    assert_eq!(error.kind(), kind);
    let told = format!("{} {:?}", error.safe(), error.public_message());
    assert!(!told.contains(CANARY), "{told}");
    assert!(format!("{error:?}").contains(CANARY), "it is in there");
}

/// "Never its own message, domain …": also where another error repeats them.
#[test]
fn context_and_domain_stay_inside_whoever_carries_them() {
    for error in telling() {
        let kind = error.kind();
        silent(&Error::from(Transparent(error.clone())), kind);
        silent(&Error::from(Transparent(BoxError::from(error.clone()))), kind);
        silent(&Error::from(io::Error::other(error.clone())), kind);
        silent(&Error::from(Transparent(io::Error::other(error.clone()))), kind);
        silent(&Error::from(BoxError::from(Foreign(error.clone()))), kind);
        silent(&chain().translate(Foreign(error)), kind);
    }
    let plain = Error::from(Transparent(declined()));
    assert_eq!(plain.safe().to_string(), "card declined", "nothing was added to it");
}

/// A cause speaks for itself only.
#[test]
fn what_a_cause_allows_is_no_licence_for_those_above() {
    let boxed = || BoxError::from(anyhow::Error::from(Declined).context(CANARY));
    assert!(!classify(&Foreign(declined())).public);
    silent(
        &Error::from(BoxError::from(anyhow::Error::from(declined()).context(CANARY))),
        Kind::FailedPrecondition,
    );
    silent(&chain().knows::<Declined>().translate(boxed()), Kind::FailedPrecondition);
    let rules = chain().kind_of::<fmt::Error>(Class::new(Kind::NotFound).public());
    silent(&rules.translate(Error::from(BoxError::from(fmt::Error)).context(CANARY)), Kind::NotFound);

    let told = chain().knows::<Declined>().translate(Declined);
    assert_eq!(told.safe().to_string(), "card declined");
    let told = chain().knows::<Declined>().translate(Error::from(BoxError::from(Declined)));
    assert_eq!(told.safe().to_string(), "card declined", "an error has the message of what it wraps");
}

/// A barrier keeps the message, and who may read it.
#[test]
fn a_barrier_makes_no_context_public() {
    let error = declined().context(CANARY).barrier();
    assert_eq!((error.to_string().as_str(), error.safe().to_string().as_str()), (CANARY, "card declined"));
    silent(&error, Kind::FailedPrecondition);
}

/// The members allowed their own messages, not that of the group, and not what was said about it.
#[test]
fn a_group_is_not_told_by_its_members() {
    silent(&Error::from(ErrorGroup::new(declined()).message(CANARY)), Kind::FailedPrecondition);

    let mixed = ErrorGroup::of([declined(), Error::new(Kind::Aborted, "conflict")]).expect("two");
    let (yes, no) = ErrorGroup::new(Error::from(mixed).context(CANARY)).split(|e| e.kind() == Kind::Aborted);
    for error in [yes, no].into_iter().flatten().flatten() {
        silent(&error, error.kind());
    }
}
