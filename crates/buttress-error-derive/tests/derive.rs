//! What the derive makes of what it accepts; what it refuses stands in `ui/`. Each key has its example in the README.

#![deny(warnings)]

use std::convert::Infallible;
use std::fmt::Debug;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use buttress_error::{
    BoxError, Class, Classified, Classify, Delivery, Error, Kind, Rejection, RetryAdvice, RetrySummary,
    StopReason,
};

fn not_found() -> io::Error {
    io::ErrorKind::NotFound.into()
}

fn refusal() -> Rejection {
    Rejection::forced_open("gateway".into(), Duration::ZERO)
}

fn gave_up() -> RetrySummary {
    let mut effort = RetrySummary::new(3, Duration::from_secs(1), StopReason::Attempts);
    effort.exhausted = true;
    effort
}

#[derive(Debug, thiserror::Error, Classify)]
enum Shapes {
    #[error("unit")]
    #[classify(kind = Cancelled)]
    Unit,
    #[error("tuple {0} {1}")]
    #[classify(kind = NotFound)]
    Tuple(u8, String),
    #[error("named {a}")]
    #[classify(kind = Aborted)]
    Named { a: u8 },
    #[error("empty tuple")]
    #[classify(kind = DataLoss)]
    EmptyTuple(),
    #[error("empty braces")]
    #[classify(kind = OutOfRange)]
    EmptyBraces {},
}

#[test]
fn every_shape_of_a_variant_has_a_class() {
    for (shape, kind) in [
        (Shapes::Unit, Kind::Cancelled),
        (Shapes::Tuple(1, String::new()), Kind::NotFound),
        (Shapes::Named { a: 1 }, Kind::Aborted),
        (Shapes::EmptyTuple(), Kind::DataLoss),
        (Shapes::EmptyBraces {}, Kind::OutOfRange),
    ] {
        assert_eq!(shape.class(), Class::new(kind));
    }
}

#[derive(Classify)]
#[classify(
    kind = FailedPrecondition,
    reason = "CARD_DECLINED",
    domain = "payments",
    http = 402,
    exit = 69,
    retry = AfterRemedy,
    delivery = Processed,
    retry_after = 5,
    public
)]
struct All;

#[derive(Classify)]
#[classify(kind = FailedPrecondition, reason = "CARD_DECLINED", domain = "payments")]
#[classify(http = 402, exit = 69, retry = AfterRemedy)]
#[classify(delivery = Processed, retry_after = 5, public = true,)]
#[classify()]
struct Several;

#[test]
fn every_key_does_what_the_method_of_its_name_does() {
    let class = Class::new(Kind::FailedPrecondition)
        .reason("CARD_DECLINED")
        .domain("payments")
        .http(402)
        .exit(69)
        .retry(RetryAdvice::AfterRemedy)
        .delivery(Delivery::Processed)
        .retry_after(Duration::from_secs(5))
        .public();
    assert_eq!((All.class(), Several.class()), (class, class));
}

#[derive(Classify)]
enum Nothing {}

#[test]
fn an_enum_without_variants_compiles() {
    fn classified<E: Classify>() {}
    classified::<Nothing>();
}

#[derive(Debug, thiserror::Error, Classify)]
#[classify(kind = Unavailable, retry = Never, delivery = NotProcessed, retry_after = 9)]
#[classify(reason = "DEFAULT", http = 502, exit = 9, domain = "shop", public)]
enum Defaults {
    #[error("plain")]
    Plain,
    #[error("overridden")]
    #[classify(kind = Timeout, retry = Call, delivery = Processed, retry_after = 1)]
    #[classify(reason = "OWN", http = 504, exit = 1, domain = "own", public = false)]
    Overridden,
    #[error("forwarded: {0}")]
    #[classify(forward)]
    Forwarded(io::Error),
}

fn defaults() -> Class {
    let class = Class::new(Kind::Unavailable).retry(RetryAdvice::Never).delivery(Delivery::NotProcessed);
    class.retry_after(Duration::from_secs(9)).reason("DEFAULT").http(502).exit(9).domain("shop").public()
}

/// "Above an enum, each key is the default of the variants that don't have it." "Of the defaults of an enum a forwarded
/// variant takes none but the `domain`, where the field has none."
#[test]
fn a_variant_overrides_the_defaults_key_by_key_and_a_forwarded_one_takes_only_the_domain() {
    assert_eq!(Defaults::Plain.class(), defaults());
    let own = Class::new(Kind::Timeout).delivery(Delivery::Processed).retry_after(Duration::from_secs(1));
    assert_eq!(Defaults::Overridden.class(), own.reason("OWN").http(504).exit(1).domain("own"));
    assert_eq!(Defaults::Forwarded(not_found()).class(), Class::new(Kind::NotFound).domain("shop"));
}

#[derive(Debug, thiserror::Error, Classify)]
#[classify(domain = "outer")]
enum Outer {
    #[error("kept")]
    #[classify(forward)]
    Kept(Defaults),
    #[error("replaced")]
    #[classify(forward, domain = "own")]
    Replaced(Defaults),
}

#[test]
fn a_forwarded_domain_gives_way_only_to_that_of_the_variant() {
    assert_eq!(Outer::Kept(Defaults::Plain).class().domain, Some("shop"));
    assert_eq!(Outer::Replaced(Defaults::Plain).class().domain, Some("own"));
}

#[derive(Debug, thiserror::Error, Classify)]
#[classify(forward)]
enum Forwards {
    #[error(transparent)]
    Error(#[from] Error),
    #[error(transparent)]
    Boxed(#[from] BoxError),
    #[error(transparent)]
    Refused(#[from] Rejection),
    #[error(transparent)]
    Nested(#[from] Box<Defaults>),
    #[error(transparent)]
    Shared(#[from] Arc<Defaults>),
    #[error(transparent)]
    Impossible(#[from] Infallible),
    #[error("by #[source]")]
    BySource(u8, #[source] io::Error),
    #[error("by name")]
    ByName { path: u8, source: io::Error },
    #[error("by mark")]
    ByMark(#[source] io::Error, #[classify(forward)] Rejection),
    #[error("by the mark alone")]
    #[classify(reason = "MARKED")]
    Marked {
        path: u8,
        #[classify(forward)]
        other: io::Error,
    },
}

#[test]
fn forwards_to_the_field_that_was_meant() {
    for (error, class) in [
        (Forwards::from(Error::new(Kind::Aborted, "conflict")), Class::new(Kind::Aborted)),
        (Forwards::from(BoxError::from(not_found())), Class::new(Kind::NotFound)),
        (Forwards::from(refusal()), refusal().class()),
        (Forwards::from(Box::new(Defaults::Plain)), defaults()),
        (Forwards::from(Arc::new(Defaults::Plain)), defaults()),
        (Forwards::BySource(1, not_found()), Class::new(Kind::NotFound)),
        (Forwards::ByName { path: 1, source: not_found() }, Class::new(Kind::NotFound)),
        (Forwards::ByMark(not_found(), refusal()), refusal().class()),
        (Forwards::Marked { path: 1, other: not_found() }, Class::new(Kind::NotFound).reason("MARKED")),
    ] {
        assert_eq!(error.class(), class, "{error}");
    }
}

/// "What a retry layer tells the error reaches the field too, so that stacked retries don't multiply."
#[test]
fn a_forwarded_error_stays_given_up() {
    let boxed: BoxError = Error::new(Kind::Timeout, "slow").into();
    for mut error in [Forwards::from(Error::new(Kind::Timeout, "slow")), Forwards::from(boxed)] {
        assert!(error.class().is_retryable(true));
        error.stamp(&gave_up());
        assert!(error.class().exhausted && !error.class().is_retryable(true), "{error}");
    }
    let mut plain = Defaults::Overridden;
    plain.note_retry_summary(&gave_up());
    assert_eq!(plain.class(), Defaults::Overridden.class());
}

/// What a client would see of the error itself it sees of a variant that only passes it on.
#[test]
fn a_transparent_variant_passes_on_what_was_added() {
    let detailed = || Error::invalid("amount", "must be positive").hint("try 1").note("n");
    let boxed = BoxError::from(detailed());
    let carried = BoxError::from(io::Error::other(detailed()));
    for error in [Forwards::from(detailed()), Forwards::from(boxed), Forwards::from(carried)] {
        let error = Error::from(error);
        assert_eq!(error.safe().hints().collect::<Vec<_>>(), ["try 1"]);
        assert_eq!((error.safe().violations().len(), error.notes().len()), (1, 1));
    }
    #[derive(Debug, thiserror::Error, Classify)]
    #[classify(forward)]
    enum Outer {
        #[error(transparent)]
        Nested(Forwards),
        #[error(transparent)]
        #[classify(public = false)]
        Hidden(Forwards),
        #[error("cannot pay")]
        Worded(#[source] Forwards),
    }
    let hints = |error: Outer| Error::from(error).hints().count();
    assert_eq!(hints(Outer::Nested(detailed().into())), 1);
    assert_eq!(hints(Outer::Hidden(detailed().into())), 0, "it said so");
    assert_eq!(hints(Outer::Worded(detailed().into())), 0, "it has words of its own");
}

/// A user's constants and functions may have any name: a pattern would match a constant, and an expression in an attribute
/// speaks of what is around the type.
mod names {
    #![allow(non_upper_case_globals, dead_code, reason = "the names are the point")]

    use super::*;

    const class: u64 = 0;
    const inner: u64 = 0;
    const wait: u64 = 7;
    const effort: u8 = 0;
    const __buttress: u8 = 0;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[derive(Classify)]
    pub(super) enum Collides {
        #[classify(kind = Throttled, reason = "R", retry_after = seconds(wait + class + inner))]
        Expression,
        #[classify(kind = Throttled, retry_after = wait)]
        Field { wait: Duration },
        #[classify(forward)]
        Forwarded(Error),
    }
}

#[test]
fn names_of_ours_are_no_names_of_the_users() {
    use names::Collides;
    let seven = Some(Duration::from_secs(7));
    assert_eq!(Collides::Expression.class().retry_after, seven);
    assert_eq!(Collides::Field { wait: Duration::from_secs(7) }.class().retry_after, seven);
    let mut error = Collides::Forwarded(Error::new(Kind::Timeout, "slow"));
    error.note_retry_summary(&gave_up());
    assert!(error.class().exhausted);
}

#[derive(Debug, thiserror::Error, Classify)]
enum Own {
    #[error(transparent)]
    #[classify(forward)]
    Transparent(Defaults),
    #[error(transparent)]
    #[classify(forward, public = false)]
    Hidden(Defaults),
    #[error("password is hunter2")]
    #[classify(forward)]
    Worded(Defaults),
    #[error("declined")]
    #[classify(forward, public)]
    Said(Defaults),
}

/// "A forwarded variant is as public as its field where its message is that of the field. With a message of its own it
/// is not, unless it says so itself."
#[test]
fn a_message_of_ones_own_is_not_public_because_the_source_is() {
    for (error, public) in [
        (Own::Transparent(Defaults::Plain), true),
        (Own::Transparent(Defaults::Overridden), false),
        (Own::Hidden(Defaults::Plain), false),
        (Own::Worded(Defaults::Plain), false),
        (Own::Said(Defaults::Overridden), true),
    ] {
        assert_eq!(error.class().public, public, "{error:?}");
    }
}

/// `Wrapped` asks for no more than its fields need: `T` is any type.
#[expect(clippy::use_self, reason = "the derive has to know its own name in a field")]
#[derive(Debug, thiserror::Error, Classify)]
enum Wrapped<'a, E, T = (), const N: usize = 0>
where
    E: Debug,
{
    #[error("forwarded")]
    #[classify(forward)]
    Forwarded(E),
    #[error("boxed")]
    #[classify(forward)]
    Boxed(Box<E>),
    #[error("again")]
    #[classify(forward)]
    Again(Box<Self>),
    #[error("once more")]
    #[classify(forward)]
    OnceMore(Box<Wrapped<'a, E, T, N>>),
    #[error("plain")]
    #[classify(kind = Internal)]
    Plain(&'a str, Option<T>, [u8; N]),
}

#[test]
fn a_generic_field_is_bounded_and_nothing_else_is() {
    #[derive(Debug)]
    struct Bare;
    type Wrap<'a> = Wrapped<'a, io::Error, Bare, 1>;
    let inner: Wrap<'_> = Wrapped::Forwarded(not_found());
    assert_eq!(inner.class().kind, Kind::NotFound);
    assert_eq!(Wrap::Again(Box::new(inner)).class().kind, Kind::NotFound);
    assert_eq!(Wrap::OnceMore(Box::new(Wrapped::Forwarded(not_found()))).class().kind, Kind::NotFound);
    assert_eq!(Wrap::Boxed(Box::new(not_found())).class().kind, Kind::NotFound);
    assert_eq!(Wrap::Plain("", Some(Bare), [0]).class().kind, Kind::Internal);
}

#[derive(Classify)]
#[classify(forward)]
struct Newtype(io::Error);

#[derive(Classify)]
struct Marked {
    _id: u64,
    #[classify(forward)]
    cause: io::Error,
}

#[derive(Classify)]
#[classify(kind = Throttled, retry_after = after)]
struct Throttled {
    after: Duration,
}

#[derive(Classify)]
#[classify(forward)]
struct Both {
    source: Error,
    #[classify(retry_after)]
    after: Option<Duration>,
}

#[derive(Classify)]
#[classify(kind = Throttled, retry_after = wait)]
enum Waits {
    Named {
        wait: Duration,
    },
    Marked(#[classify(retry_after)] Duration),
    #[classify(retry_after = 2)]
    Seconds,
    #[classify(forward)]
    Forwarded(Error),
}

#[test]
fn a_field_or_a_key_overrides_the_default_wait() {
    let second = Duration::from_secs(1);
    assert_eq!(Waits::Named { wait: second }.class().retry_after, Some(second));
    assert_eq!(Waits::Marked(second).class().retry_after, Some(second));
    assert_eq!(Waits::Seconds.class().retry_after, Some(second * 2));
    assert_eq!(Waits::Forwarded(Error::new(Kind::Throttled, "x")).class().retry_after, None);
}

#[test]
fn structs_forward_and_wait_as_variants_do() {
    let second = Duration::from_secs(1);
    assert_eq!(Newtype(not_found()).class().kind, Kind::NotFound);
    assert_eq!(Marked { _id: 1, cause: not_found() }.class().kind, Kind::NotFound);
    assert_eq!(Throttled { after: second }.class(), Class::new(Kind::Throttled).retry_after(second));
    let both = Both { source: Error::new(Kind::Aborted, "x"), after: Some(second) };
    assert_eq!(both.class(), Class::new(Kind::Aborted).retry_after(second));
}

/// What a macro was given stands in invisible parentheses.
#[test]
fn a_macro_may_write_the_attributes() {
    macro_rules! error {
        ($name:ident, $kind:ident, $http:literal, $reason:expr) => {
            #[derive(Classify)]
            #[classify(kind = $kind, http = $http, reason = $reason)]
            struct $name;
        };
    }
    error!(Made, NotFound, 410, "GONE");
    assert_eq!(Made.class(), Class::new(Kind::NotFound).http(410).reason("GONE"));

    macro_rules! wrapper {
        ($name:ident, $inner:ident, $wait:ident) => {
            #[derive(Classify)]
            struct $name(#[classify(forward)] $inner, #[classify(retry_after)] $wait);
        };
    }
    wrapper!(Wrapper, Rejection, Duration);
    let class = refusal().class().retry_after(Duration::ZERO);
    assert_eq!(Wrapper(refusal(), Duration::ZERO).class(), class);
}

#[test]
fn deprecated_variants_and_raw_names_compile() {
    #[derive(Classify)]
    #[classify(kind = Internal)]
    #[expect(dead_code, reason = "only the derive uses them")]
    enum Odd {
        #[deprecated]
        Old,
        r#Match {
            #[classify(retry_after)]
            r#type: Duration,
        },
    }
    assert_eq!(Odd::Match { r#type: Duration::ZERO }.class().retry_after, Some(Duration::ZERO));
}

/// Words of the language around the derive may mean something else.
mod shadowed {
    #![allow(dead_code, non_camel_case_types)]

    struct Option;
    struct Result;
    struct Class;
    struct Kind;
    struct Duration;
    enum Some {}

    #[derive(buttress_error::Classify)]
    #[classify(kind = Internal, reason = "X", domain = "d")]
    struct Lonely;

    #[derive(buttress_error::Classify)]
    #[classify(domain = "d")]
    enum Forwarding {
        #[classify(forward)]
        Inner(#[classify(forward)] Lonely, #[classify(retry_after)] std::time::Duration),
    }
}
