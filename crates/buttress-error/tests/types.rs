//! What has to compile without an annotation, and does what it should when it runs.
//! (What must not compile stands in `src/misuse.rs`.)

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

// Both traits at once: their methods have different names, or every call would be ambiguous.
use buttress_error::{
    BoxError, ByKind, Class, Classified, Classifier, Classify, Error, Kind, Rejection, Result, ResultExt,
    TranslateLayer, Verdict, check,
};
use tower::util::{BoxCloneService, BoxCloneSyncService};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};

/// A layer as all layers are: it keeps the error type and asks for `From<Rejection>`, and takes a classifier.
#[derive(Clone)]
struct GuardLayer<C = ByKind> {
    open: bool,
    classifier: C,
}

impl GuardLayer {
    const fn new() -> Self {
        Self { open: false, classifier: ByKind }
    }

    const fn open() -> Self {
        Self { open: true, classifier: ByKind }
    }

    fn classifier<C>(self, classifier: C) -> GuardLayer<C> {
        GuardLayer { open: self.open, classifier }
    }

    /// A setter of its own, so that the compiler knows the closure for one over references.
    fn classify_by<Res, E, F: Fn(&Result<Res, E>) -> Verdict>(self, classifier: F) -> GuardLayer<F> {
        self.classifier(classifier)
    }
}

impl<S, C: Clone> Layer<S> for GuardLayer<C> {
    type Service = Guard<S, C>;

    fn layer(&self, inner: S) -> Guard<S, C> {
        Guard { inner, open: self.open, classifier: self.classifier.clone() }
    }
}

#[derive(Clone)]
struct Guard<S, C = ByKind> {
    inner: S,
    open: bool,
    classifier: C,
}

/// The last verdict comes out as the answer: what the layer has seen.
impl<Req, S, C> Service<Req> for Guard<S, C>
where
    S: Service<Req>,
    S::Error: From<Rejection>,
    S::Future: Send + 'static,
    C: Classifier<S::Response, S::Error> + Clone + Send + 'static,
{
    type Response = (S::Response, Verdict);
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        if self.open {
            return Box::pin(async { Err(Rejection::forced_open("guard".into(), Duration::ZERO).into()) });
        }
        let (classifier, answer) = (self.classifier.clone(), self.inner.call(request));
        Box::pin(async move {
            let outcome = answer.await;
            let verdict = classifier.judge(&outcome);
            outcome.map(|answer| (answer, verdict))
        })
    }
}

/// A client that passes statuses through, except a 404.
async fn read(status: u16) -> Result<u16, io::Error> {
    if status == 404 { Err(io::ErrorKind::NotFound.into()) } else { Ok(status) }
}

/// The types that stand in a struct need no more than their names.
struct Client {
    boxed: BoxCloneService<u16, ((u16, Verdict), Verdict), Error>,
}

fn opaque()
-> impl Service<u16, Response = ((u16, Verdict), Verdict), Error = Error, Future: Send> + Clone + Send {
    ServiceBuilder::new()
        .layer(GuardLayer::new())
        .layer(GuardLayer::new())
        .layer(TranslateLayer::new("files"))
        .service(service_fn(read))
}

#[tokio::test]
async fn a_stack_needs_no_annotation() {
    let error = opaque().oneshot(404).await.unwrap_err();
    assert_eq!((error.kind(), error.domain()), (Kind::NotFound, Some("files")));

    let client = Client { boxed: BoxCloneService::new(opaque()) };
    assert_eq!(client.boxed.clone().oneshot(200).await.unwrap().0.0, 200);

    let stack = ServiceBuilder::new()
        .layer(GuardLayer::new())
        .layer(GuardLayer::open())
        .layer(TranslateLayer::new("files"))
        .service(service_fn(read));
    check::<u16, _>(&stack);
    let boxed = BoxCloneSyncService::new(stack.clone());
    assert_eq!(boxed.oneshot(200).await.unwrap_err().kind(), Kind::Rejected);
    let task = tokio::spawn(async move { stack.oneshot(200).await });
    assert_eq!(task.await.unwrap().unwrap_err().kind(), Kind::Rejected);
}

/// An application's own error: one variant makes it fit under every layer.
#[derive(Debug, thiserror::Error)]
enum App {
    #[error("no such order")]
    NoOrder,
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Refused(#[from] Rejection),
    #[error(transparent)]
    Other(#[from] Error),
}

impl Classify for App {
    fn class(&self) -> Class {
        match self {
            Self::NoOrder => Class::new(Kind::NotFound).reason("NO_ORDER"),
            Self::Io(error) => error.class(),
            Self::Refused(rejection) => rejection.class(),
            Self::Other(error) => *error.class(),
        }
    }
}

async fn kind_of<E: Classified + From<Rejection> + Send + 'static>() -> Kind {
    let service = service_fn(|()| std::future::ready(Ok::<_, E>(())));
    let refused = GuardLayer::open().layer(service).oneshot(()).await;
    refused.map(|_| ()).expect_err("the guard is open").classified().kind
}

#[tokio::test]
async fn each_error_type_with_room_for_a_rejection_fits() {
    assert_eq!(kind_of::<BoxError>().await, Kind::Rejected);
    assert_eq!(kind_of::<Rejection>().await, Kind::Rejected);
    assert_eq!(kind_of::<Error>().await, Kind::Rejected);
    assert_eq!(kind_of::<App>().await, Kind::Rejected);
}

/// Their errors are boxes, and keep the class of what they carry.
#[tokio::test]
async fn layers_of_tower_fit_in_between() {
    let stack = ServiceBuilder::new()
        .layer(GuardLayer::new())
        .buffer(4)
        .concurrency_limit(4)
        .timeout(Duration::from_secs(1))
        .layer(GuardLayer::open())
        .layer(TranslateLayer::new("files"))
        .service(service_fn(read));
    let error: BoxError = stack.oneshot(200).await.unwrap_err();
    assert_eq!(error.classified().kind, Kind::Rejected);
    assert_eq!(Error::from(error).kind(), Kind::Rejected);
}

/// An error that is no `std::error::Error` and only fits into a box, as those of some libraries.
struct Anyhow;

impl From<Anyhow> for BoxError {
    fn from(_: Anyhow) -> Self {
        "anyhow".into()
    }
}

#[tokio::test]
async fn translate_takes_whatever_fits_into_a_box() {
    async fn boxed(_: ()) -> Result<(), BoxError> {
        Err("boxed".into())
    }
    async fn anyhow(_: ()) -> Result<(), Anyhow> {
        Err(Anyhow)
    }
    let layer = TranslateLayer::new("x");
    assert_eq!(layer.layer(service_fn(boxed)).oneshot(()).await.unwrap_err().to_string(), "x: boxed");
    assert_eq!(layer.layer(service_fn(anyhow)).oneshot(()).await.unwrap_err().to_string(), "x: anyhow");
}

/// An async closure with a return type takes `?`; an async block does not.
#[tokio::test]
async fn a_closure_with_a_type_takes_question_marks() {
    let service = service_fn(async |status| -> Result<u16> { Ok(read(status).await?) });
    assert_eq!(service.oneshot(404).await.unwrap_err().kind(), Kind::NotFound);
}

fn judge<T, E: Classified>(outcome: &Result<T, E>) -> Verdict {
    ByKind.judge(outcome)
}

#[tokio::test]
async fn a_classifier_is_a_value_a_function_or_a_closure() {
    let by_status = |outcome: &Result<u16, io::Error>| match outcome {
        Ok(503) => Verdict::failure(Kind::Unavailable),
        outcome => ByKind.judge(outcome),
    };
    // The bottom has room for a refusal.
    let bottom = || TranslateLayer::with(App::from).layer(service_fn(read));
    let status = |outcome: &Result<u16, App>| match outcome {
        Ok(503) => Verdict::failure(Kind::Unavailable),
        outcome => ByKind.judge(outcome),
    };
    let by_value = GuardLayer::new().classifier(status).layer(bottom());
    assert!(by_value.oneshot(503).await.unwrap().1.is_failure());
    let by_function = GuardLayer::new().classifier(judge).layer(bottom());
    assert!(by_function.oneshot(503).await.unwrap().1.is_success(), "the trap: a plain 503 is an answer");
    let by_closure = GuardLayer::new()
        .classify_by(
            |outcome| if outcome.is_ok() { Verdict::success() } else { Verdict::neutral(Kind::Unknown) },
        )
        .layer(bottom());
    assert!(by_closure.oneshot(200).await.unwrap().1.is_success());
    assert!(by_status.judge(&Ok(503)).is_failure());
    assert!(by_status.judge(&Err(io::ErrorKind::TimedOut.into())).is_failure());
}

/// `App: From<Error>` and `Error: From<App>` together; `?` goes both ways.
#[test]
fn errors_convert_both_ways() {
    fn ours() -> Result<()> {
        Err(App::NoOrder)?
    }
    fn theirs() -> Result<(), App> {
        Ok(ours()?)
    }
    fn again() -> Result<()> {
        Ok(theirs()?)
    }
    let error = again().unwrap_err();
    assert_eq!((error.kind(), error.class().reason), (Kind::NotFound, Some("NO_ORDER")));
    assert!(error.find::<App>().is_some());
}

#[test]
fn question_mark_takes_what_is_classified() {
    fn raise(which: u8) -> Result<()> {
        match which {
            0 => Err(App::NoOrder)?,
            1 => Err(io::Error::from(io::ErrorKind::TimedOut))?,
            2 => Err(Rejection::forced_open("b".into(), Duration::ZERO))?,
            3 => Err(BoxError::from(Error::new(Kind::DataLoss, "gone")))?,
            4 => Err(fmt_error()).translate()?,
            _ => Err(Box::new(App::NoOrder))?,
        }
        Ok(())
    }
    const fn fmt_error() -> std::fmt::Error {
        std::fmt::Error
    }
    let kinds = [0, 1, 2, 3, 4, 5].map(|which| raise(which).unwrap_err().kind());
    let expected =
        [Kind::NotFound, Kind::Timeout, Kind::Rejected, Kind::DataLoss, Kind::Unknown, Kind::NotFound];
    assert_eq!(kinds, expected);
}

/// What `permit.failure(…)` takes.
#[test]
fn a_class_comes_from_a_kind_and_from_any_classified_error() {
    fn failure(class: impl Into<Class>) -> Kind {
        class.into().kind
    }
    assert_eq!(failure(Kind::Timeout), Kind::Timeout);
    assert_eq!(failure(Class::new(Kind::Timeout)), Kind::Timeout);
    assert_eq!(failure(&App::NoOrder), Kind::NotFound);
    assert_eq!(failure(&Error::new(Kind::Aborted, "x")), Kind::Aborted);
    assert_eq!(failure(&BoxError::from(Error::new(Kind::Aborted, "x"))), Kind::Aborted);
}

/// The trap that the documentation names: a box has forgotten that its content is classified.
#[test]
fn translating_a_classified_type_loses_its_class() {
    assert_eq!(Err::<(), _>(App::NoOrder).translate().unwrap_err().kind(), Kind::Unknown);
    assert_eq!(Err::<(), _>(App::NoOrder).note("n").unwrap_err().kind(), Kind::NotFound);
}
