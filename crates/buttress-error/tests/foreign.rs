//! Errors that are not ours: the table of `std::io`, tokio, tower, and whatever is in a box.

use std::error::Error as StdError;
use std::fmt;
use std::io::{self, ErrorKind as Io};
use std::time::Duration;

use buttress_error::{
    BoxError, Class, Classified, ConfigError, Delivery, Error, Kind, Rejection, Result, ResultExt,
    RetryAdvice, classify,
};

fn by_question_mark(error: io::Error) -> Class {
    fn raise(error: io::Error) -> Result<()> {
        Err(error)?
    }
    *raise(error).expect_err("it is raised").class()
}

/// Each stable `io::ErrorKind`, by value, by `?` and in a box.
#[test]
fn the_io_table() {
    let not_processed = Class::new(Kind::Unavailable).delivery(Delivery::NotProcessed);
    let again = Class::new(Kind::Aborted).retry(RetryAdvice::Call);
    let table: &[(&[Io], Class)] = &[
        (&[Io::NotFound], Class::new(Kind::NotFound)),
        (&[Io::PermissionDenied], Class::new(Kind::PermissionDenied)),
        (&[Io::ConnectionRefused, Io::NotConnected], not_processed),
        (&[Io::HostUnreachable, Io::NetworkUnreachable, Io::NetworkDown], not_processed),
        (
            &[Io::ConnectionReset, Io::ConnectionAborted, Io::BrokenPipe, Io::UnexpectedEof],
            Class::new(Kind::Unavailable),
        ),
        (&[Io::StaleNetworkFileHandle], Class::new(Kind::Unavailable)),
        (&[Io::TimedOut], Class::new(Kind::Timeout)),
        (&[Io::AlreadyExists], Class::new(Kind::AlreadyExists)),
        (
            &[Io::NotADirectory, Io::IsADirectory, Io::DirectoryNotEmpty, Io::ReadOnlyFilesystem],
            Class::new(Kind::FailedPrecondition),
        ),
        (&[Io::AddrInUse, Io::AddrNotAvailable, Io::CrossesDevices], Class::new(Kind::FailedPrecondition)),
        (&[Io::WouldBlock, Io::ResourceBusy, Io::ExecutableFileBusy, Io::Deadlock, Io::Interrupted], again),
        (&[Io::StorageFull, Io::QuotaExceeded, Io::FileTooLarge], Class::new(Kind::ResourceExhausted)),
        (&[Io::TooManyLinks, Io::WriteZero, Io::OutOfMemory], Class::new(Kind::ResourceExhausted)),
        (
            &[Io::InvalidInput, Io::InvalidFilename, Io::ArgumentListTooLong],
            Class::new(Kind::InvalidArgument),
        ),
        (&[Io::InvalidData], Class::new(Kind::BadResponse)),
        (&[Io::Unsupported], Class::new(Kind::Unimplemented)),
        (&[Io::Other, Io::NotSeekable], Class::new(Kind::Unknown)),
    ];
    for (kinds, expected) in table {
        for &kind in *kinds {
            assert_eq!(classify(&io::Error::from(kind)), *expected, "{kind:?}");
            assert_eq!(classify(&io::Error::new(kind, "with a text")), *expected, "{kind:?}");
            assert_eq!(by_question_mark(kind.into()), *expected, "{kind:?}");
            assert_eq!(BoxError::from(io::Error::from(kind)).classified(), *expected, "{kind:?}");
        }
    }
}

/// A link with a cause, of an unknown type.
#[derive(Debug)]
struct Link<E>(E);

impl<E> fmt::Display for Link<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("link")
    }
}

impl<E: StdError + 'static> StdError for Link<E> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.0)
    }
}

fn timed_out() -> Rejection {
    Rejection::attempt_timeout("db".into(), Duration::from_secs(1), Duration::from_secs(1))
}

#[test]
fn the_first_known_link_decides() {
    let reset = || io::Error::from(Io::ConnectionReset);
    assert_eq!(classify(&Link(Link(reset()))).kind, Kind::Unavailable);
    assert_eq!(classify(&Link(Error::wrap(Kind::DataLoss, reset()))).kind, Kind::DataLoss);
    assert_eq!(classify(&Link(timed_out())).kind, Kind::Timeout);
    assert_eq!(classify(&Link(ConfigError::new("cap", "above base", 0))).kind, Kind::Config);
    assert_eq!(classify(&Link(fmt::Error)), Class::new(Kind::Unknown));
}

#[test]
fn an_io_error_is_looked_into_where_its_kind_says_nothing() {
    let exhausted = Error::new(Class::new(Kind::Throttled).exhausted(), "slow down");
    for wrapped in [io::Error::other(exhausted.clone()), io::Error::other(io::Error::other(exhausted))] {
        assert_eq!(classify(&wrapped).kind, Kind::Throttled);
        assert!(classify(&wrapped).exhausted);
        let class = by_question_mark(wrapped);
        assert_eq!(class.kind, Kind::Throttled);
        assert!(class.exhausted);
    }
    assert_eq!(by_question_mark(io::Error::other(timed_out())).kind, Kind::Timeout);
    assert_eq!(by_question_mark(io::Error::new(Io::NotFound, timed_out())).kind, Kind::NotFound);
}

#[test]
fn an_error_in_a_box_comes_out_as_the_same_value() {
    let error = Error::new(Kind::Aborted, "conflict").note("a note").reason("WRITE_CONFLICT");
    let (at, boxed) = (error.location(), BoxError::from(error));
    assert_eq!(boxed.classified().reason, Some("WRITE_CONFLICT"));
    let same = Err::<(), _>(boxed).translate().expect_err("it is one");
    assert_eq!(same.kind(), Kind::Aborted);
    assert_eq!(same.notes().collect::<Vec<_>>(), ["a note"]);
    assert_eq!(same.location(), at);
    assert!(same.source().is_none(), "it was not wrapped");
}

#[test]
fn any_error_is_found_again() {
    let error = Error::from(BoxError::from(Link(io::Error::other(timed_out()))));
    assert_eq!(error.kind(), Kind::Timeout);
    assert!(error.find::<Link<io::Error>>().is_some());
    assert_eq!(error.find::<Rejection>().map(Rejection::layer), Some("db"));
    assert!(error.find::<fmt::Error>().is_none());
    let outer = Error::new(Kind::Internal, "outer").caused_by(error);
    assert!(outer.find::<Link<io::Error>>().is_some(), "inside the error that is the cause");
    assert!(Error::from(timed_out()).find::<Rejection>().is_some(), "the error itself");
}

/// An error that is its own cause.
#[derive(Debug)]
struct Ouroboros;

impl fmt::Display for Ouroboros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("again")
    }
}

impl StdError for Ouroboros {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(self)
    }
}

#[test]
fn an_endless_chain_ends_after_64_links() {
    assert_eq!(classify(&Ouroboros).kind, Kind::Unknown);
    let error = Error::from(BoxError::from(Ouroboros)).note("n");
    assert_eq!(error.chain().count(), 64);
    assert!(error.find::<io::Error>().is_none());
    assert_eq!(format!("{error:#}"), "again", "each time the same text");
    assert_eq!(format!("{error:?}").matches("again").count(), 1);
}

/// Each link used to walk all links below it once more: 40 of them took 2⁴⁰ steps.
#[test]
fn a_long_chain_is_searched_once() {
    let nest = |error, _| Error::new(Kind::Internal, "outer").caused_by(error);
    let error = (0..60).fold(Error::new(Kind::Internal, "inner"), nest);
    assert_eq!(error.chain().count(), 60);
    assert!(error.find::<fmt::Error>().is_none());

    let nest = |error, _| io::Error::other(error);
    let error = (0..60).fold(io::Error::other("inner"), nest);
    assert_eq!(classify(&error).kind, Kind::Unknown);
    assert!(Error::from(error).find::<fmt::Error>().is_none());
}

#[cfg(feature = "tokio")]
mod tokio_errors {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn elapsed_is_a_timeout() {
        let elapsed = tokio::time::timeout(Duration::from_millis(1), std::future::pending::<()>()).await;
        let elapsed = elapsed.expect_err("it never ends");
        assert_eq!(classify(&Link(elapsed)).kind, Kind::Timeout);
    }

    #[tokio::test]
    async fn a_task_that_panicked_is_told_from_one_that_was_aborted() {
        let panicked = tokio::spawn(async { std::panic::resume_unwind(Box::new("boom")) });
        let panicked: tokio::task::JoinError = panicked.await.expect_err("it panics");
        assert_eq!(Error::from(panicked).kind(), Kind::Panic);

        let aborted = tokio::spawn(std::future::pending::<()>());
        aborted.abort();
        let aborted = aborted.await.expect_err("it is aborted");
        assert_eq!(classify(&Link(aborted)).kind, Kind::Cancelled);
    }
}

#[cfg(feature = "tower")]
mod tower_errors {
    use std::future::Ready;
    use std::task::{Context, Poll};

    use super::*;
    use tower::buffer::Buffer;
    use tower::load_shed::LoadShed;
    use tower::timeout::Timeout;
    use tower::{Service, ServiceExt, service_fn};

    async fn hang(_: ()) -> std::result::Result<(), BoxError> {
        std::future::pending().await
    }

    #[tokio::test(start_paused = true)]
    async fn timeout() {
        let error = Timeout::new(service_fn(hang), Duration::from_millis(1)).oneshot(()).await;
        assert_eq!(error.expect_err("it hangs").classified(), Class::new(Kind::Timeout));
    }

    #[tokio::test]
    async fn load_shed() {
        let busy = tower::limit::ConcurrencyLimit::new(service_fn(hang), 1);
        let mut shed = LoadShed::new(busy);
        let _slot = shed.ready().await.expect("always ready").call(());
        let error = shed.ready().await.expect("always ready").call(()).await.expect_err("no slot is left");
        assert_eq!(error.classified(), Class::new(Kind::Rejected));
    }

    /// Never ready.
    struct Down;

    impl Service<()> for Down {
        type Response = ();
        type Error = BoxError;
        type Future = Ready<std::result::Result<(), BoxError>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<std::result::Result<(), BoxError>> {
            Poll::Ready(Err(io::Error::from(Io::ConnectionRefused).into()))
        }

        fn call(&mut self, (): ()) -> Self::Future {
            unreachable!("never ready")
        }
    }

    /// The buffer tells all its callers of one failure, wrapped and shared.
    #[tokio::test]
    async fn buffer_service_error() {
        let error = Buffer::new(Down, 1).oneshot(()).await.expect_err("it is down");
        assert!(error.is::<tower::buffer::error::ServiceError>());
        assert_eq!(error.classified(), Class::new(Kind::Unavailable).delivery(Delivery::NotProcessed));
    }

    /// Nothing was sent where the worker is gone.
    #[tokio::test]
    async fn buffer_closed() {
        let (mut buffer, worker) = Buffer::<(), _>::pair(service_fn(hang), 1);
        drop(worker);
        let error = buffer.ready().await.map(|_| ()).expect_err("the worker is gone");
        assert_eq!(
            error.classified(),
            Class::new(Kind::Unavailable).delivery(Delivery::NotProcessed),
            "{error:?}"
        );
    }
}

#[cfg(feature = "serde_json")]
mod serde_json_errors {
    use super::*;

    fn failed(text: &str) -> serde_json::Error {
        serde_json::from_str::<u8>(text).expect_err("it is no number")
    }

    #[test]
    fn what_cannot_be_read_is_a_bad_response() {
        for text in ["", "1 2", "\"x\"", "300", "{"] {
            assert_eq!(classify(&Link(failed(text))), Class::new(Kind::BadResponse), "{text}");
            assert_eq!(*Error::from(failed(text)).class(), Class::new(Kind::BadResponse), "{text}");
        }
    }

    /// A reader that breaks off.
    struct Broken;

    impl io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(Io::ConnectionReset.into())
        }
    }

    #[test]
    fn a_reader_that_fails_goes_by_the_system() {
        let error = serde_json::from_reader::<_, u8>(Broken).expect_err("it breaks off");
        assert_eq!(classify(&error), Class::new(Kind::Unavailable));
    }
}
