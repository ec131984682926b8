//! The error value: what it says, what it keeps, and where it was made.

use std::error::Error as StdError;
use std::mem::size_of;
use std::time::Duration;
use std::{fmt, io};

use buttress_error::{
    BoxError, ByKind, Class, Classified, Classifier, Classify, Delivery, Error, FailedAttempt, Kind,
    Rejection, Result, ResultExt, RetryAdvice, RetrySummary, StopReason,
};

fn reset() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}

/// An error of an application, with a cause of its own.
#[derive(Debug, thiserror::Error)]
#[error("gateway did not answer")]
struct Gateway(#[source] io::Error);

impl Classify for Gateway {
    fn class(&self) -> Class {
        Class::new(Kind::Timeout).reason("GATEWAY")
    }
}

#[test]
fn it_is_one_word() {
    assert_eq!(size_of::<Error>(), size_of::<usize>());
    assert_eq!(size_of::<Option<Error>>(), size_of::<usize>());
    assert_eq!(size_of::<Result<()>>(), size_of::<usize>());
}

#[test]
fn display_is_one_line_without_the_causes() {
    let error = Error::new(Kind::Internal, "it failed").note("a note");
    assert_eq!(error.to_string(), "it failed");
    assert_eq!(format!("{error:#}"), "it failed");

    let error = error.with_domain("orders").caused_by(Gateway(reset()));
    assert_eq!(error.to_string(), "orders: it failed");
    assert_eq!(format!("{error:#}"), "orders: it failed: gateway did not answer: connection reset");

    let error = Error::from(Gateway(reset()));
    assert_eq!(error.to_string(), "gateway did not answer");
    assert_eq!(format!("{error:#}"), "gateway did not answer: connection reset");
}

/// An alternate format must not reach the causes, or each would write the rest of the chain again.
#[test]
fn alternate_writes_each_cause_once() {
    let inner = Error::new(Kind::NotFound, "inner").caused_by(reset());
    let outer = Error::new(Kind::Internal, "outer").caused_by(inner);
    assert_eq!(format!("{outer:#}"), "outer: inner: connection reset");
}

#[test]
fn debug_is_a_report() {
    let error = Error::from(Gateway(reset())).with_domain("pay").note("order 7").note("shop 2");
    let line = error.location().unwrap().line();
    let mut outcome: Result<()> = Err(error);
    let mut effort = RetrySummary::new(3, Duration::from_millis(1500), StopReason::Attempts);
    effort.history.push(FailedAttempt::new(Kind::Timeout, Duration::from_secs(1)));
    ByKind.stamp(&mut outcome, &effort);
    let expected = format!(
        "pay: gateway did not answer\n  kind: timeout (GATEWAY)\n  caused by: connection reset\n  note: order 7\n  \
         note: shop 2\n  attempts: 3 in 1.5s, stopped: attempts\n  at: {}:{line}:",
        file!()
    );
    let report = format!("{:?}", outcome.unwrap_err());
    assert!(report.starts_with(&expected), "{report}\n{expected}");
    assert!(!format!("{:?}", Error::new(Kind::Unknown, "x")).contains("note"));
}

struct Broken;

impl fmt::Debug for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Broken")
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Err(fmt::Error)
    }
}

impl StdError for Broken {}

#[test]
fn a_display_that_fails_is_passed_on() {
    use fmt::Write;
    assert!(write!(String::new(), "{}", Error::wrap(Kind::Internal, Broken)).is_err());
}

#[test]
fn question_mark_keeps_class_value_chain_and_line() {
    fn pay() -> Result<()> {
        Err(Gateway(reset()))?;
        Ok(())
    }
    let error = pay().unwrap_err();
    assert_eq!(error.class(), &Class::new(Kind::Timeout).reason("GATEWAY"));
    assert!(error.find::<Gateway>().is_some());
    assert_eq!(error.find::<io::Error>().map(io::Error::kind), Some(io::ErrorKind::ConnectionReset));
    assert_eq!(error.chain().map(ToString::to_string).collect::<Vec<_>>(), ["connection reset"]);
    assert_eq!(error.location().unwrap().line(), line!() - 8);
}

/// Every way to create an error records the line of its caller.
#[test]
fn the_place_is_the_callers() {
    let here = [
        (line!(), Error::new(Kind::Internal, "x")),
        (line!(), Error::wrap(Kind::Internal, reset())),
        (line!(), Error::from(reset())),
        (line!(), Error::from(BoxError::from("text"))),
        (line!(), Err::<(), _>(reset()).note("n").unwrap_err()),
        (line!(), Err::<(), _>(fmt::Error).translate().unwrap_err()),
    ];
    for (line, error) in here {
        let place = error.location().expect("it has a place");
        assert_eq!((place.file(), place.line()), (file!(), line));
    }
}

#[test]
fn a_note_keeps_the_value() {
    let error = Err::<(), _>(Gateway(reset())).note("while paying").unwrap_err();
    assert_eq!(error.class().reason, Some("GATEWAY"));
    assert_eq!(error.notes().collect::<Vec<_>>(), ["while paying"]);
    assert!(error.find::<Gateway>().is_some());
}

#[test]
fn translate_keeps_known_types_and_takes_any() {
    assert_eq!(Err::<(), _>(reset()).translate().unwrap_err().kind(), Kind::Unavailable);
    assert_eq!("x".parse::<u8>().translate().unwrap_err().kind(), Kind::Unknown);
    assert_eq!(Err::<(), _>("a text").translate().unwrap_err().to_string(), "a text");
    assert_eq!(Ok::<_, io::Error>(7).translate().unwrap(), 7);
    assert_eq!(Ok::<_, io::Error>(7).note("n").unwrap(), 7);
}

#[test]
fn a_cause_does_not_hide_the_cause_of_what_is_wrapped() {
    let error = Error::from(Gateway(reset())).caused_by(fmt::Error);
    assert_eq!(error.source().unwrap().to_string(), "connection reset");
    let error = Error::from(reset()).caused_by(Error::new(Kind::Config, "wrong port"));
    assert_eq!(error.source().unwrap().to_string(), "wrong port");
}

/// A clone is a value of its own.
#[test]
fn changing_a_clone_leaves_the_original() {
    let error = Error::new(Kind::Internal, "it failed").note("one");
    let clone = error.clone().note("two").reclassify(Kind::Aborted).with_domain("d");
    assert_eq!((error.kind(), error.notes().len(), error.domain()), (Kind::Internal, 1, None));
    assert_eq!((clone.kind(), clone.notes().len(), clone.domain()), (Kind::Aborted, 3, Some("d")));
}

#[test]
fn setters_change_what_they_name() {
    let wait = Duration::from_secs(3);
    let error = Error::new(Kind::Unavailable, "down")
        .retry_after(wait)
        .delivery(Delivery::NotProcessed)
        .reason("DOWN");
    let expected =
        Class::new(Kind::Unavailable).retry_after(wait).delivery(Delivery::NotProcessed).reason("DOWN");
    assert_eq!(error.class(), &expected);
    assert_eq!(error.with_domain("inner").with_domain("outer").domain(), Some("outer"));
}

/// An `io::Error` can't be cloned, and is the same all the same in a clone that something was added to.
#[test]
fn an_io_error_is_the_same_in_a_changed_clone() {
    let constant = || io::Read::read_exact(&mut &[][..], &mut [0]).unwrap_err();
    let carrying = || io::Error::other("reset");
    for io in [io::Error::from_raw_os_error(13), reset(), constant(), carrying()] {
        let told = (io.kind(), io.raw_os_error(), io.to_string());
        let error = Error::from(io);
        let changed = error.clone().note("n").context("c");
        for error in [&error, &changed] {
            let io = error.find::<io::Error>().expect("it is in there");
            assert_eq!((io.kind(), io.raw_os_error(), io.to_string()), told);
        }
        assert_eq!((error.notes().len(), changed.root_cause().to_string()), (0, told.2));
    }
}

fn gave_up(attempts: u32) -> RetrySummary {
    let mut effort = RetrySummary::new(attempts, Duration::from_secs(1), StopReason::Attempts);
    effort.exhausted = true;
    effort
}

/// [S15] [S16] a retry layer that gives up stamps the error; the next one out sees "never" and takes nothing from it.
#[test]
fn the_first_to_give_up_owns_the_error() {
    let mut outcome: Result<()> = Err(Error::new(Kind::Unavailable, "down"));
    assert!(ByKind.judge(&outcome).class().unwrap().is_retryable(true));
    ByKind.stamp(&mut outcome, &gave_up(3));
    ByKind.stamp(&mut outcome, &RetrySummary::new(1, Duration::from_secs(1), StopReason::NotRetryable));
    ByKind.stamp(&mut outcome, &gave_up(1));

    let class = *ByKind.judge(&outcome).class().unwrap();
    assert!(class.exhausted && !class.is_retryable(true));
    let error = outcome.unwrap_err();
    assert_eq!(error.retry_summary(), Some(&gave_up(3)));
    assert_eq!((error.kind(), error.advice()), (Kind::Unavailable, RetryAdvice::Never));
}

/// [S15] nor does an `io::Error` in the box that carries it.
#[test]
fn what_a_box_only_carries_stays_exhausted() {
    let carried = || io::Error::other(io::Error::other(Error::new(Kind::Unavailable, "down")));
    let mut boxed: Result<(), BoxError> = Err(carried().into());
    assert!(ByKind.judge(&boxed).class().unwrap().is_retryable(true));
    ByKind.stamp(&mut boxed, &gave_up(3));
    assert!(!ByKind.judge(&boxed).class().unwrap().is_retryable(true));
    assert_eq!(ByKind.keep(&boxed).unwrap().retry_summary(), Some(&gave_up(3)));

    let error = Error::from(boxed.unwrap_err());
    assert_eq!((error.advice(), error.retry_summary()), (RetryAdvice::Never, Some(&gave_up(3))));
    // Any other forgets it, as the page of `Classified` says.
    let mut foreign: Result<(), BoxError> = Err(io::Error::from(io::ErrorKind::TimedOut).into());
    ByKind.stamp(&mut foreign, &gave_up(3));
    assert!(ByKind.judge(&foreign).class().unwrap().is_retryable(true));
}

/// [S15] neither a box, nor a new class, nor a wrapper makes an exhausted error fresh again.
#[test]
fn exhausted_stays_exhausted() {
    let mut boxed: Result<(), BoxError> = Err(Error::new(Kind::Unavailable, "down").into());
    ByKind.stamp(&mut boxed, &gave_up(3));
    assert!(!ByKind.judge(&boxed).class().unwrap().is_retryable(true));

    let error = Error::from(boxed.unwrap_err());
    assert_eq!(error.retry_summary().map(|effort| effort.attempts), Some(3));
    let error = error.reclassify(Kind::Timeout);
    assert_eq!((error.kind(), error.advice()), (Kind::Timeout, RetryAdvice::Never));
    let error = Error::wrap(Kind::Unavailable, error);
    assert_eq!((error.kind(), error.advice()), (Kind::Unavailable, RetryAdvice::Never));
    assert_eq!(error.retry_summary().map(|effort| effort.attempts), Some(3));
}

/// [S16] an error type of one's own gets the effort through a hook, also inside a box of its own.
#[test]
fn own_types_take_the_effort_by_a_hook() {
    #[derive(Debug, Default)]
    struct Own {
        given_up: bool,
    }
    impl Classify for Own {
        fn class(&self) -> Class {
            let class = Class::new(Kind::Unavailable);
            if self.given_up { class.exhausted() } else { class }
        }
        fn note_retry_summary(&mut self, effort: &RetrySummary) {
            self.given_up |= effort.exhausted;
        }
    }
    let mut outcome: Result<(), Own> = Err(Own::default());
    ByKind.stamp(&mut outcome, &gave_up(2));
    assert!(outcome.unwrap_err().class().exhausted);
    let mut outcome: Result<(), Box<Own>> = Err(Box::default());
    ByKind.stamp(&mut outcome, &gave_up(2));
    assert!(outcome.unwrap_err().classified().exhausted);
}

/// What a breaker keeps as the cause of its rejections.
#[test]
fn an_error_can_be_kept_and_others_say_so() {
    let outcome: Result<()> = Err(Error::new(Kind::Unavailable, "down"));
    assert_eq!(ByKind.keep(&outcome).unwrap().to_string(), "down");
    let outcome: Result<(), BoxError> = Err(Error::new(Kind::Unavailable, "down").into());
    assert_eq!(ByKind.keep(&outcome).unwrap().to_string(), "down");
    assert!(ByKind.keep(&Err::<(), io::Error>(reset())).is_none());
    assert!(ByKind.keep(&Ok::<(), Error>(())).is_none());
}

#[test]
fn shared_and_boxed_errors_keep_their_class() {
    let shared: std::sync::Arc<dyn Classify> = std::sync::Arc::new(Gateway(reset()));
    assert_eq!(shared.class().reason, Some("GATEWAY"));
    assert_eq!(Box::new(Gateway(reset())).class().reason, Some("GATEWAY"));
    assert_eq!(Class::from(&Error::new(Kind::Aborted, "x")).kind, Kind::Aborted);
    assert_eq!(Class::from(&Rejection::forced_open("b".into(), Duration::ZERO)).kind, Kind::Rejected);
}

/// [S15] a failure that a retry layer has exhausted stays exhausted as the cause of another error, also in a box.
#[test]
fn a_cause_that_was_given_up_counts() {
    let given_up = || Error::new(Class::new(Kind::Unavailable).exhausted(), "the pool is empty");
    for cause in [BoxError::from(given_up()), io::Error::other(given_up()).into()] {
        let error = Error::new(Kind::Unavailable, "no connection").context("while charging").caused_by(cause);
        assert_eq!((error.class().exhausted, error.advice()), (true, RetryAdvice::Never));
    }
    assert!(!Error::new(Kind::Unavailable, "no").caused_by(io::Error::other("x")).class().exhausted);
}

/// An `f32` was once shown with the digits of the nearest `f64`.
#[test]
fn an_f32_keeps_its_shortest_form() {
    let error = Error::new(Kind::Internal, "x").attr("ratio", 2.71_f32);
    assert!(format!("{error:?}").contains("with: ratio = 2.71\n"), "{error:?}");
    #[cfg(feature = "serde")]
    assert_eq!(serde_json::to_value(&error).unwrap()["attrs"]["ratio"].to_string(), "2.71");
    for value in [0.1_f32, 2.71, -0.3, 1e-45, 16_777_216.0, f32::MAX, f32::MIN_POSITIVE, 0.0, -0.0, 1.0 / 3.0]
    {
        assert_eq!(buttress_error::Value::from(value).to_string(), value.to_string());
    }
    let infinite = buttress_error::Value::from(f32::NEG_INFINITY);
    assert_eq!(infinite, buttress_error::Value::F64(f64::NEG_INFINITY));
    assert_eq!(buttress_error::Value::from(f32::NAN).to_string(), "NaN");
}

/// The location was once one inside the standard library.
#[test]
fn a_place_in_the_standard_library_is_no_place() {
    let refused = || Err::<(), _>(io::Error::from(io::ErrorKind::ConnectionRefused));
    let by_path: Result<()> = refused().map_err(Error::from);
    assert!(by_path.unwrap_err().location().is_none());
    let collected: Vec<Error> = [io::Error::other("x")].into_iter().map(Error::from).collect();
    assert!(collected[0].location().is_none());
    let into: Result<()> = refused().map_err(Into::into);
    assert!(into.unwrap_err().location().is_none());
    let boxed: Option<Error> = std::iter::once(buttress_error::BoxError::from("x")).map(Error::from).next();
    assert!(boxed.unwrap().location().is_none());
    // A closure has a line of its own, and so has `?`.
    let closure: Result<()> = refused().map_err(|error| {
        let error = Error::from(error);
        error.note("asked")
    });
    assert_eq!(closure.unwrap_err().location().map(std::panic::Location::line), Some(line!() - 3));
    let asked = || -> Result<()> { Ok(refused()?) };
    assert_eq!(asked().unwrap_err().location().map(std::panic::Location::line), Some(line!() - 1));
}
