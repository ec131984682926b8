//! What an error carries beside its message and its class.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use buttress_error::{
    BoxError, Class, Classify, Delivery, Error, Fault, Kind, OptionExt, Result, ResultExt, Value, Violation,
    bail, bug, chain, ensure,
};

fn reset() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}

fn attrs(error: &Error) -> Vec<(&'static str, Value)> {
    error.attrs().map(|(key, value)| (key, value.clone())).collect()
}

#[test]
fn every_word_of_the_result_does_what_the_error_does() {
    let failed = || Err::<(), _>(reset());
    let error = failed()
        .add_context("renewing")
        .note("subscription 42")
        .hint("try again")
        .attr("amount_cents", 4999)
        .retry_after(Duration::from_secs(3))
        .not_processed()
        .in_domain("payments")
        .unwrap_err();
    assert_eq!(format!("{error:#}"), "payments: renewing: connection reset");
    assert_eq!(error.notes().collect::<Vec<_>>(), ["subscription 42"]);
    assert_eq!(error.hints().collect::<Vec<_>>(), ["try again"]);
    assert_eq!(attrs(&error), [("amount_cents", Value::from(4999))]);
    let class =
        Class::new(Kind::Unavailable).retry_after(Duration::from_secs(3)).delivery(Delivery::NotProcessed);
    assert_eq!(error.class(), &class);

    assert_eq!(failed().reclassify(Kind::DataLoss).unwrap_err().notes().len(), 1);
    let error = "x".parse::<u8>().with_kind(Kind::Config).unwrap_err();
    assert_eq!((error.kind(), error.notes().len()), (Kind::Config, 0));
    assert_eq!(Ok::<_, io::Error>(7).add_context("c").hint("h").with_kind(Kind::Config).unwrap(), 7);

    let place = (None::<u8>).or_kind(Kind::NotFound, "nobody").unwrap_err().location().unwrap().line();
    assert_eq!(place, line!() - 1);
    assert_eq!(Some(7).or_kind(Kind::NotFound, "nobody").unwrap(), 7);
}

/// The words record the line that says them.
#[test]
fn the_place_is_that_of_the_first_word() {
    let error = Err::<(), _>(reset()).add_context("c").unwrap_err();
    assert_eq!(error.location().unwrap().line(), line!() - 1);
    let error = Err::<(), _>(reset()).with_kind(Kind::Config).unwrap_err();
    assert_eq!(error.location().unwrap().line(), line!() - 1);
}

/// "An attribute of the same key is replaced."
#[test]
fn an_attribute_is_there_once() {
    let error = Error::new(Kind::Internal, "x").attr("a", 1).attr("b", "two").attr("a", true);
    assert_eq!(attrs(&error), [("a", Value::Bool(true)), ("b", Value::from("two"))]);
}

/// "Ids go to attributes, not only the message."
#[test]
fn constructors_keep_ids_apart() {
    let error = Error::not_found("order", 42_u64);
    assert_eq!((error.kind(), error.to_string().as_str()), (Kind::NotFound, "order 42 not found"));
    assert_eq!(attrs(&error), [("resource", "order".into()), ("id", Value::U64(42))]);
    assert_eq!(error.location().unwrap().line(), line!() - 3);

    let error = Error::already_exists("user", "email", "ada@example.org");
    assert_eq!(error.kind(), Kind::AlreadyExists);
    assert_eq!(attrs(&error), [("resource", "user".into()), ("email", "ada@example.org".into())]);
    assert!(!error.to_string().contains("ada"), "the value may be somebody's address");

    let error = Error::invalid("amount", "must be positive");
    assert_eq!(error.kind(), Kind::InvalidArgument);
    assert_eq!(error.violations(), [Violation::new("amount", "must be positive")]);
    assert_eq!(error.public_message().as_deref(), Some("amount: must be positive"));
}

#[test]
fn a_context_is_a_link_and_keeps_all_else() {
    let error = Error::new(Kind::Unavailable, "refused")
        .with_domain("db")
        .note("n")
        .hint("h")
        .attr("k", 1)
        .violation(Violation::new("f", "d"))
        .public("closed");
    let place = error.location();
    let error = error.context("loading").context("starting");
    assert_eq!(error.to_string(), "starting");
    assert_eq!(format!("{error:#}"), "starting: loading: db: refused");
    assert_eq!(error.chain().map(ToString::to_string).collect::<Vec<_>>(), ["loading", "db: refused"]);
    assert_eq!((error.kind(), error.domain(), error.location()), (Kind::Unavailable, Some("db"), place));
    assert_eq!((error.notes().len(), error.hints().len(), error.attrs().len()), (1, 1, 1));
    assert_eq!((error.violations().len(), error.public_message().as_deref()), (1, Some("closed")));
    assert_eq!(format!("{:#}", error.with_domain("checkout")), "checkout: starting: loading: db: refused");
}

#[test]
fn a_context_keeps_the_value_and_the_domain_of_its_class() {
    let class = Class::new(Kind::Timeout).domain("pay");
    let error = Error::wrap(class, reset()).context("renewing");
    assert_eq!(format!("{error:#}"), "renewing: pay: connection reset");
    assert_eq!((error.domain(), error.is::<io::Error>()), (Some("pay"), true));
}

/// "It keeps its message, its class and all that was added to it, but nothing below it is found."
#[test]
fn a_barrier_hides_what_is_below() {
    let open = Error::new(Kind::Timeout, "no answer").caused_by(reset()).note("n").with_domain("pay");
    assert!(open.is::<io::Error>());
    let shut = open.barrier();
    assert!(!shut.is::<io::Error>() && shut.source().is_none());
    assert_eq!(
        (shut.kind(), shut.notes().len(), shut.to_string().as_str()),
        (Kind::Timeout, 1, "pay: no answer")
    );
    assert!(shut.hidden().is_some_and(Error::is::<io::Error>));
    assert!(format!("{shut:?}").contains("caused by: connection reset"), "{shut:?}");

    // It may be the error itself that is of another type.
    let shut = Error::from(reset()).barrier().context("c");
    assert!(!shut.is::<io::Error>());
    assert_eq!(format!("{shut:#}"), "c: connection reset");
    assert_eq!(buttress_error::classify(&shut).kind, Kind::Unavailable);
    // A cause that comes later is seen.
    let told = shut.caused_by(std::fmt::Error);
    assert!(told.is::<std::fmt::Error>());
    assert!(format!("{told:#}").starts_with("c: connection reset: an error"), "{told:#}");
}

#[test]
fn macros_return_early() {
    fn run(which: u8) -> Result<u8> {
        ensure!(which != 1, Kind::InvalidArgument, "not {which}, {}", "please");
        ensure!(which != 2, Error::not_found("thing", 2));
        ensure!(which != 3, reset());
        match which {
            4 => bail!(Class::new(Kind::Aborted).reason("CONFLICT"), "a conflict"),
            5 => bail!(reset()),
            6 => Err(bug!("{which} was thought impossible")),
            _ => Ok(which),
        }
    }
    assert_eq!(run(0).unwrap(), 0);
    let told = [1, 2, 3, 4, 5, 6].map(|which| {
        let error = run(which).unwrap_err();
        (error.kind(), error.to_string())
    });
    let expected = [
        (Kind::InvalidArgument, "not 1, please"),
        (Kind::NotFound, "thing 2 not found"),
        (Kind::Unavailable, "connection reset"),
        (Kind::Aborted, "a conflict"),
        (Kind::Unavailable, "connection reset"),
        (Kind::Internal, "6 was thought impossible"),
    ];
    assert_eq!(told, expected.map(|(kind, text)| (kind, text.to_owned())));
}

/// "True for the first who asks, false ever after, for all its clones."
#[test]
fn an_error_is_reported_once() {
    let error = Error::new(Kind::Internal, "x");
    let (clone, other) = (error.clone(), Error::new(Kind::Internal, "x"));
    assert!(error.report_once());
    assert!(!clone.report_once() && !error.report_once());
    assert!(!clone.note("later").context("c").report_once(), "also one that was changed since");
    assert!(other.report_once());
}

/// The message of a class that says `public` is shown only where the fault is the caller's; words that were meant for
/// clients always are.
#[test]
fn what_is_public_was_said_so() {
    for kind in Kind::ALL {
        let plain = Error::new(kind, "internal words");
        assert_eq!(plain.public_message(), None, "{kind}");
        let open = Error::new(Class::new(kind).public(), "open words");
        let shown = (kind.fault() == Fault::Caller).then_some("open words");
        assert_eq!(open.public_message().as_deref(), shown, "{kind}");
        assert_eq!(open.context("internal words").public_message().as_deref(), shown, "{kind}");
        assert_eq!(plain.public("for you").public_message().as_deref(), Some("for you"), "{kind}");
    }
}

/// What was said in public of one class is not what the message of another, below it, said.
#[test]
fn a_new_class_does_not_open_an_inner_message() {
    let error = Error::new(Kind::Internal, "secret path").context("order refused");
    let error = error.reclassify(Class::new(Kind::FailedPrecondition).public());
    assert_eq!(error.public_message().as_deref(), Some("order refused"));
    // Whatever is said above it, and wherever the message then lies.
    let more = (0..5).map(|count| (0..count).fold(error.clone(), |error, _| error.context("internal words")));
    for error in more.flat_map(|error| [error.clone().with_domain("orders"), error.clone().barrier(), error])
    {
        assert_eq!(error.public_message().as_deref(), Some("order refused"), "{error:#}");
    }
}

/// An error of an application that only passes ours on, and one that says it in words of its own.
#[derive(Debug, thiserror::Error)]
enum App {
    #[error(transparent)]
    Passes(#[from] Error),
    #[error("cannot pay")]
    Says(#[source] Error),
}

impl Classify for App {
    fn class(&self) -> Class {
        let (Self::Passes(error) | Self::Says(error)) = self;
        *error.class()
    }

    fn passes_on(&self) -> Option<&Error> {
        if let Self::Passes(error) = self { Some(error) } else { None }
    }
}

fn detailed() -> Error {
    let error =
        Error::invalid("amount", "must be positive").hint("try 1").note("n").attr("k", 1).public("for you");
    error.with_domain("shop").barrier()
}

/// What clients see of a transparent variant is what they would see of the error in it.
#[test]
fn what_is_passed_on_keeps_what_was_added_to_it() {
    let boxed = |error: App| chain().knows::<App>().translate(error);
    let whole: [Error; 5] = [
        App::Passes(detailed()).into(),
        Box::new(App::Passes(detailed())).into(),
        boxed(App::Passes(detailed())),
        io::Error::other(detailed()).into(),
        BoxError::from(io::Error::other(io::Error::other(detailed()))).into(),
    ];
    for error in whole {
        let safe = error.safe();
        assert_eq!(safe.violations(), [Violation::new("amount", "must be positive")]);
        assert_eq!((safe.hints().collect::<Vec<_>>(), safe.to_string().as_str()), (vec!["try 1"], "for you"));
        assert_eq!((error.notes().len(), attrs(&error).len()), (1, 1));
        // Its domain stands in its message already, and what a barrier hides stays hidden.
        assert_eq!(error.to_string(), "shop: amount: must be positive");
        assert!(error.hidden().is_none());
    }
    let own = Error::from(App::Says(detailed()));
    assert_eq!(
        (own.safe().hints().count(), own.safe().violations().len()),
        (0, 0),
        "it has words of its own"
    );
    assert_ne!(own.safe().to_string(), "for you");
    assert_eq!((own.notes().len(), attrs(&own).len()), (1, 1), "for those who run it");
}

/// A chain of any length is dropped, searched and written without running out of stack.
#[test]
fn long_chains_are_no_trouble() {
    let mut error = Error::from(reset());
    for _ in 0..200_000 {
        error = error.context("again");
    }
    assert_eq!(error.root_cause().to_string(), "again");
    assert_eq!(error.chain().count(), 64);
    assert!(!error.is::<io::Error>(), "at most 64 links deep");
    assert_eq!(error.domain(), None);
    drop(error.clone());
    drop(format!("{error:#}{error:?}"));
}
