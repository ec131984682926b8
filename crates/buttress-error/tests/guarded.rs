//! `Guarded`, and rejections in an `io::Error`.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use buttress_error::{
    BoxError, ByKind, ByResult, Class, Classified, Classifier, Error, Guarded, Kind, Rejection,
    RejectionReason, ResultExt, RetrySummary, StopReason, TranslateLayer, Trip, TripReason, classify,
};
use tower::{Layer, ServiceExt, service_fn};

const SECOND: Duration = Duration::from_secs(1);

fn every_rejection() -> Vec<Rejection> {
    let trip = || Arc::new(Trip::new("db".into(), TripReason::Streak { failures: 5 }, None));
    let layer = || Arc::<str>::from("db");
    vec![
        Rejection::circuit_open(trip(), SECOND).with_retry_after(7 * SECOND),
        Rejection::probes_taken(trip(), SECOND),
        Rejection::forced_open(layer(), SECOND),
        Rejection::ramping(layer(), 50, SECOND),
        Rejection::attempt_timeout(layer(), SECOND, SECOND),
        Rejection::deadline(layer(), SECOND, SECOND, None),
    ]
}

/// `breaker.call_blocking(|| TcpStream::connect(a))` did not compile: `io::Error: From<Rejection>` was missing.
#[test]
fn an_io_error_holds_a_rejection() {
    for rejection in every_rejection() {
        let (text, why) = (rejection.to_string(), rejection.reason());
        let error = io::Error::from(rejection);
        let expected = match why {
            RejectionReason::AttemptTimeout | RejectionReason::Deadline => io::ErrorKind::TimedOut,
            _ => io::ErrorKind::ResourceBusy,
        };
        assert_eq!((error.kind(), error.to_string()), (expected, text), "{why}");
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Rejection>());
        assert_eq!(inner.map(Rejection::reason), Some(why));
    }
}

/// Its class is the rejection's, not that of the kind it has as an `io::Error`, in whatever it travels.
#[test]
fn a_rejection_in_an_io_error_keeps_its_class() {
    #[derive(Debug, thiserror::Error)]
    #[error("cannot save")]
    struct Save(#[source] io::Error);

    for rejection in every_rejection() {
        let (why, expected) = (rejection.reason(), Class::from(&rejection));
        let io = || io::Error::from(rejection.clone());
        assert_eq!(Class::from(&io()), expected, "{why}");
        assert_eq!(classify(&io()), expected, "{why}");
        assert_eq!(classify(&Save(io())), expected, "{why}");
        assert_eq!(classify(&io::Error::other(io())), expected, "{why}");
        let chosen = io::Error::new(io::ErrorKind::NotFound, rejection.clone());
        assert_eq!(classify(&chosen).kind, Kind::NotFound, "a kind that somebody chose stays");
        let boxed: BoxError = io().into();
        assert_eq!(Class::from(&boxed), expected, "{why}");
        for error in
            [Error::from(io()), Error::from(boxed), Err::<(), _>(Save(io())).translate().unwrap_err()]
        {
            assert_eq!(*error.class(), expected, "{why}");
            assert_eq!(error.find::<Rejection>().map(Rejection::reason), Some(why));
        }
        let translated = buttress_error::chain().translate(io());
        assert_eq!(*translated.class(), expected, "{why}");
    }
}

/// Any type will do, also one that is no error.
#[test]
fn any_error_type_is_guarded() {
    let rejection = || every_rejection().remove(0);
    let words: Guarded<String> = Guarded::Inner("words".to_owned());
    assert_eq!((words.to_string(), format!("{words:?}")), ("words".into(), r#"Inner("words")"#.into()));
    assert!(!words.is_rejected() && words.rejection().is_none() && words.inner().is_some());
    assert_eq!(words.clone().map(|words| words.len()).into_inner().unwrap(), 5);
    assert_eq!(words.into_inner().unwrap(), "words");

    let refused: Guarded<()> = rejection().into();
    assert!(refused.is_rejected() && refused.inner().is_none());
    assert_eq!(refused.rejection().map(Rejection::reason), Some(RejectionReason::CircuitOpen));
    let refused = refused.map(|()| 7);
    assert_eq!(refused.to_string(), rejection().to_string());
    assert_eq!(refused.into_inner().unwrap_err().reason(), RejectionReason::CircuitOpen);
}

/// Message, class and cause are those of what it holds.
#[test]
fn it_stands_for_what_it_holds() {
    let inner: Guarded<io::Error> = Guarded::Inner(io::ErrorKind::NotFound.into());
    assert_eq!((inner.class().kind, classify(&inner).kind), (Kind::NotFound, Kind::NotFound));
    assert!(inner.source().unwrap().is::<io::Error>());
    let refused: Guarded<io::Error> = every_rejection().remove(0).into();
    assert_eq!((refused.class().kind, classify(&refused).kind), (Kind::Rejected, Kind::Rejected));
    assert_eq!(refused.class().retry_after, Some(7 * SECOND));
    assert!(refused.source().unwrap().is::<Rejection>());
    let boxed: BoxError = inner.into();
    assert_eq!(Class::from(&boxed).kind, Kind::NotFound);
}

/// An error of ours stays the same value, with its notes and the stamp of a retry.
#[test]
fn an_error_of_ours_stays_whole() {
    fn open() -> Result<(), Error> {
        Err(Guarded::Inner(Error::new(Kind::NotFound, "no such order").note("shop north")))?
    }
    let error = open().unwrap_err();
    assert_eq!((error.kind(), error.to_string()), (Kind::NotFound, "no such order".into()));
    assert!(error.source().is_none(), "it is no cause of itself");

    let mut outcome: Result<(), Guarded<Error>> = Err(Guarded::Inner(Error::new(Kind::Unavailable, "down")));
    let kept = Classifier::<(), _>::keep(&ByKind, &outcome).unwrap();
    assert_eq!(kept.to_string(), "down");
    ByKind.stamp(&mut outcome, &exhausted());
    let error = Error::from(outcome.unwrap_err());
    assert!(error.class().exhausted);

    let io: Error = Guarded::Inner(io::Error::from(io::ErrorKind::NotFound)).into();
    assert_eq!((io.kind(), io.is::<io::Error>()), (Kind::NotFound, true));
    let refused: Error = Guarded::<io::Error>::from(every_rejection().remove(0)).into();
    assert_eq!((refused.kind(), refused.is::<Rejection>()), (Kind::Rejected, true));
    let noted = Err::<(), _>(Guarded::Inner(io::Error::from(io::ErrorKind::TimedOut))).note("third shard");
    assert_eq!(noted.unwrap_err().kind(), Kind::Timeout);
}

fn exhausted() -> RetrySummary {
    let mut effort = RetrySummary::new(3, SECOND, StopReason::Attempts);
    effort.exhausted = true;
    effort
}

/// Where an error has no class, every `Err` is a failure of kind unknown.
#[test]
fn without_a_class_every_err_is_a_failure() {
    let verdict = ByResult.judge(&Err::<u8, _>("words"));
    assert!(verdict.is_failure());
    assert_eq!(verdict.class().map(|class| class.kind), Some(Kind::Unknown));
    assert!(ByResult.judge(&Ok::<_, ()>(7)).is_success());
}

/// In the middle of a stack it is one error among others.
#[tokio::test]
async fn a_layer_makes_room() {
    fn is_classified<E: Classified>(_: &E) {}
    let lookup = service_fn(|_: u32| async { Err::<(), _>(io::Error::from(io::ErrorKind::TimedOut)) });
    let error = TranslateLayer::guarded().layer(lookup).oneshot(7).await.unwrap_err();
    is_classified(&error);
    assert_eq!((error.is_rejected(), error.class().kind), (false, Kind::Timeout));
}
