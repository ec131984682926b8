//! What isn't public never leaves.

use std::io;

use buttress_error::{Class, Error, ErrorGroup, Kind, Violation};
use proptest::prelude::*;
use proptest::sample::select;

const CANARY: &str = "canary-7f3a";

/// One place of an error that clients don't see, with a secret in it.
#[derive(Clone, Copy, Debug)]
enum Plant {
    Message,
    Note,
    Attr,
    Cause,
    OurCause,
    Context,
    Domain,
    Dependency,
    Barrier,
    Group,
    Foreign,
    Reclassified,
}

const PLANTS: [Plant; 12] = [
    Plant::Message,
    Plant::Note,
    Plant::Attr,
    Plant::Cause,
    Plant::OurCause,
    Plant::Context,
    Plant::Domain,
    Plant::Dependency,
    Plant::Barrier,
    Plant::Group,
    Plant::Foreign,
    Plant::Reclassified,
];

fn plant(error: Error, plant: Plant, kind: Kind) -> Error {
    match plant {
        Plant::Message => Error::new(kind, CANARY).caused_by(error),
        Plant::Note => error.note(CANARY),
        Plant::Attr => error.attr("customer", CANARY),
        Plant::Cause => error.caused_by(io::Error::other(CANARY)),
        Plant::OurCause => error.caused_by(Error::new(Class::new(kind).public(), CANARY).public(CANARY)),
        Plant::Context => error.context(CANARY),
        Plant::Domain => error.with_domain(CANARY),
        Plant::Dependency => error.of_dependency(CANARY),
        Plant::Barrier => error.caused_by(io::Error::other(CANARY)).barrier(),
        Plant::Group => {
            ErrorGroup::of([Error::new(kind, CANARY), error]).expect("two").message(CANARY).into()
        }
        Plant::Foreign => Error::wrap(kind, io::Error::other(CANARY)).caused_by(error),
        Plant::Reclassified => error.reclassify(kind),
    }
}

/// Everything that a client or a metric may be shown.
fn shown(error: &Error) -> String {
    let safe = error.safe();
    let label = format!("{}/{}", error.kind(), error.class().reason.unwrap_or_default());
    #[cfg(feature = "serde")]
    let machine = serde_json::to_string(&safe).expect("it serialises")
        + &serde_json::to_string(&buttress_error::Outcome::<()>::from(Err(error.clone())))
            .expect("so does that");
    #[cfg(not(feature = "serde"))]
    let machine = "";
    format!("{label}\n{safe}\n{safe:#}\n{safe:?}\n{:?}\n{machine}", error.public_message())
}

proptest! {
    /// [S38] A secret planted anywhere inside never shows in the safe rendering or a label, whatever is public besides.
    #[test]
    fn the_canary_stays_inside(
        first in select(Kind::ALL.to_vec()),
        planted in proptest::collection::vec((select(PLANTS.to_vec()), select(Kind::ALL.to_vec())), 1..8),
        public in any::<bool>(),
    ) {
        let error = Error::new(first, CANARY).hint("a hint").violation(Violation::new("f", "d"));
        let error = if public { error.public("for you") } else { error };
        let error = planted.into_iter().fold(error, |error, (place, kind)| plant(error, place, kind));
        prop_assert!(!shown(&error).contains(CANARY), "{}", shown(&error));
    }
}

/// The canary would be seen: it is all over what is not safe.
#[test]
fn the_canary_sings_inside() {
    for place in PLANTS {
        let error = plant(Error::new(Kind::NotFound, CANARY), place, Kind::Aborted);
        assert!(format!("{error:?}").contains(CANARY), "{place:?}");
    }
    let open = Error::new(Class::new(Kind::NotFound).public(), CANARY);
    assert!(shown(&open).contains(CANARY), "what was made public is shown");
}

/// Rule 9: a dependency's message for its caller is not shown to ours, even if it is public there.
#[test]
fn the_words_of_a_dependency_are_not_ours() {
    let error = Error::new(Class::new(Kind::InvalidArgument).public().reason("THEIRS"), CANARY)
        .hint(CANARY)
        .violation(Violation::new(CANARY, CANARY))
        .public(CANARY)
        .of_dependency("db");
    assert_eq!((error.safe().kind(), error.safe().reason()), (Kind::Internal, None));
    assert_eq!(error.safe().to_string(), "internal");
    assert_eq!((error.safe().hints().count(), error.safe().violations().len()), (0, 0));
}

/// [S38] The value of an attribute with a secret name is in no report.
#[test]
fn secret_attributes_are_in_no_report() {
    for key in ["password", "apiKey", "card_token", "authorization"] {
        let inner = Error::new(Kind::Internal, "x").attr(key, CANARY);
        let error = Error::from(ErrorGroup::new(inner.barrier())).attr(key, CANARY);
        let told = format!("{error} {error:#} {error:?} {:?}", error.report().coloured());
        assert!(told.contains("[redacted]") && !told.contains(CANARY), "{told}");
        #[cfg(feature = "serde")]
        assert!(!serde_json::to_string(&error).expect("it serialises").contains(CANARY));
    }
}
