//! Errors as they leave a server and reach a client: laws 7 to 9 of the taxonomy, over all kinds.
#![allow(clippy::unwrap_used)] // clippy takes helpers for library code

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use buttress_context::{Context, RequestId};
use buttress_error::{
    BreakerEffect, Class, Delivery, Error, ErrorGroup, Fault, Handled, Kind, Outcome, RetryAdvice,
    TranslateLayer, Violation,
};
use buttress_http::{
    BadStatus, Body, HttpLayer, Problem, ProblemDetails, Profile, SHOULD_RETRY, http_classifier,
};
use http::{HeaderValue, Request, Response};
use proptest::prelude::*;
use tower::{Layer, ServiceExt, service_fn};

/// What a client makes of this answer.
async fn arrives_by(layer: HttpLayer<Request<Body>>, answer: Response<Body>) -> Error {
    let answer = std::sync::Mutex::new(Some(answer));
    let mock = service_fn(move |_: Request<Body>| {
        let answer = answer.lock().unwrap().take().unwrap();
        async { Ok::<_, Infallible>(answer) }
    });
    let request = Request::get("http://localhost/orders/7").body(Body::empty()).unwrap();
    layer.layer(mock).oneshot(request).await.unwrap_err()
}

async fn arrives(answer: Response<Body>) -> Error {
    arrives_by(HttpLayer::new("orders"), answer).await
}

/// The same without a runtime.
fn travels(error: &Error, handled: Handled) -> Error {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(arrives(Problem::from(error.clone()).handled(handled).to_response()))
}

fn json(status: u16, media: &str, body: impl Into<Body>) -> Response<Body> {
    Response::builder().status(status).header("content-type", media).body(body.into()).unwrap()
}

fn problem(status: u16, body: impl Into<Body>) -> Response<Body> {
    json(status, "application/problem+json", body)
}

prop_compose! {
    fn classes()(
        kind in prop::sample::select(Kind::ALL.to_vec()),
        retry in prop::option::of(prop::sample::select(
            vec![RetryAdvice::Never, RetryAdvice::Call, RetryAdvice::Operation, RetryAdvice::AfterRemedy],
        )),
        delivery in prop::option::of(prop::sample::select(
            vec![Delivery::NotProcessed, Delivery::Unknown, Delivery::Processed],
        )),
        exhausted: bool,
        wait in prop::option::of(0..86_400_000_u64),
        reason in prop::option::of(prop::sample::select(vec!["CARD_DECLINED", "NO_ORDER", "A"])),
        http in prop::option::of(400..=599_u16),
        dependency: bool,
    ) -> Class {
        let mut class = Class::new(kind);
        class.retry = retry.unwrap_or(class.retry);
        class.delivery = delivery.unwrap_or(class.delivery);
        class.exhausted = exhausted;
        class.retry_after = wait.map(Duration::from_millis);
        class.reason = reason;
        class.http = http;
        class.dependency = dependency;
        class
    }
}

fn canonical_of_own(kind: Kind) -> Kind {
    match kind {
        Kind::Rejected => Kind::Unavailable,
        Kind::Config | Kind::Panic => Kind::Internal,
        other => other,
    }
}

proptest! {
    /// Laws 7, 8 and 9, written once more.
    #[test]
    fn what_leaves_is_what_arrives(class in classes(), refused: bool) {
        let handled = if refused { Handled::No } else { Handled::Yes };
        let got = travels(&Error::new(class, "torn page"), handled);

        let bug = class.dependency && class.kind.fault() == Fault::Caller;
        let kind = if bug { Kind::Internal } else { canonical_of_own(class.kind) };
        prop_assert_eq!(got.kind(), kind, "laws 8 and 9");
        prop_assert_eq!(got.class().reason, if bug { None } else { class.reason });
        prop_assert_eq!(got.class().retry_after, if bug { None } else { class.retry_after });

        let refused = refused && !bug && class.delivery == Delivery::NotProcessed;
        let asked_to_wait = refused || (!bug && class.retry_after.is_some());
        let never = [Kind::InvalidArgument, Kind::Internal, Kind::DataLoss].contains(&kind);
        let advice = if class.exhausted || never {
            RetryAdvice::Never
        } else if asked_to_wait {
            class.retry
        } else {
            kind.retry()
        };
        prop_assert_eq!(got.advice(), advice, "law 7");
        prop_assert_eq!(got.class().delivery == Delivery::NotProcessed, refused, "law 7");
        prop_assert!(got.class().dependency);
    }

    /// Law 7, for a whole chain of servers: none of them retries a failure that one of them has exhausted.
    #[test]
    fn exhausted_stays_so_over_two_hops(class in classes()) {
        let first = travels(&Error::new(class.exhausted(), "busy"), Handled::Yes);
        let second = travels(&first, Handled::Yes);
        prop_assert_eq!(second.advice(), RetryAdvice::Never);
    }

    /// What a server has to say of fields arrives whole.
    #[test]
    fn violations_arrive(
        list in prop::collection::vec(("[a-z.\\[\\]0-9]{0,20}", "\\PC{0,40}", prop::option::of("[A-Z_]{1,9}")), 0..9)
    ) {
        let violations: Vec<_> = list.into_iter().map(|(field, description, reason)| {
            let violation = Violation::new(field, description);
            match reason {
                Some(reason) => violation.reason(reason),
                None => violation,
            }
        }).collect();
        let error = violations.iter().cloned().fold(Error::new(Kind::InvalidArgument, "bad"), Error::violation);
        let got = travels(&error, Handled::Yes);
        prop_assert_eq!(got.violations(), violations);
    }

    /// A body of any error is one that clients read whole, and says the same to them as to us.
    #[test]
    fn a_body_has_a_bound_and_round_trips(class in classes(), text in "\\PC{0,1500}|\\x00{1500}", count in 0..12_usize) {
        let mut error = Error::new(class, "x").public(text.clone());
        for _ in 0..count {
            error = error.hint(text.clone()).violation(Violation::new(text.clone(), text.clone()));
        }
        let details = ProblemDetails::of(&error, Handled::Yes);
        let body = details.to_json();
        prop_assert!(body.len() <= ProblemDetails::MAX && ProblemDetails::MAX <= HttpLayer::<()>::ERROR_BODY_LIMIT);
        prop_assert_eq!(ProblemDetails::from_json(body.as_bytes()), Some(details));
    }
}

/// The status is that of the kind, or the one of the class; never one that is no failure.
#[test]
fn every_kind_has_its_status() {
    let status =
        |class: Class| Problem::from(Error::new(class, "x")).to_response::<String>().status().as_u16();
    for kind in Kind::ALL {
        assert_eq!(status(kind.into()), kind.http(), "{kind}");
        assert_eq!(status(Class::new(kind).http(418)), 418, "{kind}");
        assert_eq!(status(Class::new(kind).http(200)), kind.http(), "{kind}");
    }
}

#[test]
fn the_answer_of_a_server() {
    let error = Error::invalid("items[2].amount", "must be positive")
        .reason("BAD_ORDER")
        .hint("see the price list")
        .retry_after(Duration::from_millis(1_500));
    let id = RequestId::random();
    let answer: Response<String> =
        Context::default().with_request_id(id.clone()).run(|| Problem::from(error).to_response());
    assert_eq!(answer.status(), 400);
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    assert_eq!(answer.headers()["retry-after"], "2");
    assert!(answer.extensions().get::<Error>().is_some());
    let body: serde_json::Value = serde_json::from_str(answer.body()).unwrap();
    let expected = serde_json::json!({
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
        "detail": "items[2].amount: must be positive",
        "kind": "invalid_argument",
        "reason": "BAD_ORDER",
        "retry": "never",
        "retry_after_ms": 1_500,
        "violations": [{"field": "items[2].amount", "description": "must be positive"}],
        "hints": ["see the price list"],
        "request_id": id.to_string(),
    });
    assert_eq!(body, expected);
}

/// Law 9: what an order service blames on us is our bug, not our client's.
#[tokio::test]
async fn a_dependencys_404_leaves_as_500() {
    let inner =
        arrives(problem(404, r#"{"kind":"not_found","reason":"NO_ORDER","detail":"secret plan"}"#)).await;
    assert_eq!((inner.kind(), inner.class().reason), (Kind::NotFound, Some("NO_ORDER")));
    let answer = Problem::from(inner.clone()).to_response::<String>();
    assert_eq!(answer.status(), 500);
    assert!(!answer.body().contains("NO_ORDER") && !answer.body().contains("secret plan"));

    let judged = inner.reclassify(Kind::NotFound);
    let answer = Problem::from(judged).to_response::<String>();
    assert_eq!(answer.status(), 404);
    assert!(!answer.body().contains("secret plan"), "words of a dependency are not ours to publish");

    let bare = arrives(json(404, "text/plain", "no such order")).await;
    assert_eq!(Problem::from(bare).to_response::<String>().status(), 500);
    let gone = TranslateLayer::new("db")
        .layer(service_fn(|()| async { Err::<(), _>(io::Error::from(io::ErrorKind::NotFound)) }));
    let gone = gone.oneshot(()).await.unwrap_err();
    assert_eq!(Problem::from(gone).to_response::<String>().status(), 500);
}

/// [S38] what is planted where clients may not look is in no part of the answer.
#[test]
fn canary() {
    const SECRET: &str = "hunter2";
    let says = |text: &str| format!("{text} {SECRET}");
    for kind in Kind::ALL {
        let error = Error::new(kind, says("message"))
            .caused_by(io::Error::other(says("cause")))
            .note(says("note"))
            .attr("plain", says("attribute"))
            .with_domain(says("domain"))
            .context(says("context"));
        let wrapped = Error::wrap(kind, io::Error::other(says("wrapped")));
        let hidden = Error::new(Class::new(kind).public(), "shown").caused_by(error.clone()).barrier();
        let group: Error = ErrorGroup::of([error.clone(), wrapped.clone()]).unwrap().into();
        for error in [error, wrapped, hidden, group] {
            for handled in [Handled::Yes, Handled::No] {
                let answer = Problem::from(error.clone()).handled(handled).to_response::<String>();
                assert!(!answer.body().contains(SECRET), "{kind}: {}", answer.body());
                assert!(!format!("{:?}", answer.headers()).contains(SECRET));
            }
        }
    }
}

/// "A body that is a known error envelope wins over the status."
#[tokio::test]
async fn the_body_wins() {
    let error = arrives(problem(500, r#"{"kind":"unavailable","retry_after_ms":50,"retry":"call"}"#)).await;
    assert_eq!((error.kind(), error.advice()), (Kind::Unavailable, RetryAdvice::Call));
    assert_eq!(error.class().retry_after, Some(Duration::from_millis(50)));
    assert!(error.find::<BadStatus>().unwrap().problem().is_some());

    let google = r#"{"error":{"code":500,"message":"no such bucket","status":"NOT_FOUND"}}"#;
    let error = arrives(json(500, "application/json; charset=UTF-8", google)).await;
    assert_eq!(error.kind(), Kind::NotFound);
    assert_eq!(error.notes().last(), Some("response: no such bucket"));

    let declined: Outcome<()> =
        Err::<(), _>(Error::new(Kind::FailedPrecondition, "x").reason("CARD_DECLINED")).into();
    let error = arrives(json(500, "application/json", serde_json::to_string(&declined).unwrap())).await;
    assert_eq!((error.kind(), error.class().reason), (Kind::FailedPrecondition, Some("CARD_DECLINED")));
}

const RETRY_INFO: &str = r#"{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"0.4s"}"#;

/// Google's envelope, with a `RetryInfo` of 400 ms.
fn google(status: &str) -> String {
    format!(r#"{{"error":{{"code":500,"message":"no","status":"{status}","details":[{RETRY_INFO}]}}}}"#)
}

/// Such an answer with `Retry-After`.
fn waiting(status: u16, seconds: &str, body: impl Into<Body>) -> Response<Body> {
    let mut answer = json(status, "application/json", body);
    answer.headers_mut().insert("retry-after", seconds.parse().unwrap());
    answer
}

const MS: Duration = Duration::from_millis(1);

/// [S10] a `RetryInfo` counts in a JSON body as in gRPC's trailers.
#[tokio::test]
async fn retry_info_in_a_body_is_a_wait() {
    let throttled = arrives(waiting(429, "1", google("RESOURCE_EXHAUSTED"))).await;
    assert_eq!(*throttled.class(), Class::new(Kind::Throttled).retry_after(1_000 * MS).dependency());
    for (status, name, kind) in [
        (429, "RESOURCE_EXHAUSTED", Kind::Throttled),
        (503, "UNAVAILABLE", Kind::Unavailable),
        (500, "RESOURCE_EXHAUSTED", Kind::Throttled),
        (503, "RESOURCE_EXHAUSTED", Kind::Throttled),
        (409, "ABORTED", Kind::Aborted),
        (500, "INTERNAL", Kind::Internal),
        // A status without a known name.
        (503, "FROBBED", Kind::Unavailable),
        (429, "", Kind::Throttled),
    ] {
        let error = arrives(json(status, "application/json; charset=UTF-8", google(name))).await;
        assert_eq!((error.kind(), error.class().retry_after), (kind, Some(400 * MS)), "{status} {name}");
    }
}

/// [S10] every form in which such a status comes.
#[tokio::test]
async fn every_envelope_with_retry_info() {
    let info = RETRY_INFO;
    let body = |body: &str| json(503, "application/json", body.replace("INFO", info));
    for (answer, kind) in [
        (body(r#"[{"error":{"status":"UNAVAILABLE","details":[INFO]}}]"#), Kind::Unavailable),
        (body(r#"{"error":{"code":429,"details":[INFO]}}"#), Kind::Unavailable),
        (body(r#"{"error":{"details":INFO}}"#), Kind::Unavailable),
        (body(r#"{"code":8,"message":"no","details":[{"@type":"x/y"},INFO]}"#), Kind::Throttled),
        (body(r#"{"code":14,"message":"no","details":[INFO]}"#), Kind::Unavailable),
        (body(r#"{"code":"resource_exhausted","details":[INFO]}"#), Kind::Throttled),
        (body(r#"{"code":99,"details":[INFO]}"#), Kind::Unavailable),
        (json(503, "application/vnd.api+json", google("UNAVAILABLE")), Kind::Unavailable),
    ] {
        let text = format!("{answer:?}");
        let error = arrives(answer).await;
        assert_eq!((error.kind(), error.class().retry_after), (kind, Some(400 * MS)), "{text}");
    }
    for plain in [
        r#"{"code":8,"message":"no","details":[]}"#,
        r#"{"code":"resource_exhausted","message":"no"}"#,
        r#"[{"details":[]}]"#,
        "[]",
    ] {
        let error = arrives(body(plain)).await;
        assert_eq!(*error.class(), Class::new(Kind::Unavailable).dependency(), "{plain}: the status decides");
    }
    let negative = google("UNAVAILABLE").replace("0.4s", "-0.4s");
    assert_eq!(arrives(waiting(503, "2", negative)).await.class().retry_after, Some(2_000 * MS));
}

/// [S10] whatever kind a body names, the wait of the head stays, and the longer one counts.
#[tokio::test]
async fn the_kind_of_a_body_never_discards_a_wait() {
    for kind in Kind::ALL.into_iter().filter(|kind| kind.canonical() == *kind) {
        let name = kind.as_str().to_uppercase();
        let shown = format!(r#"{{"error":{{"status":"{name}"}}}}"#);
        let outcome = format!(r#"{{"error":{{"kind":"{kind}","code":"A","message":"no"}}}}"#);
        let own = format!(r#"{{"kind":"{kind}"}}"#);
        for status in [429, 503, 500, 403, 413] {
            let wait = async |answer| arrives(answer).await.class().retry_after;
            assert_eq!(wait(waiting(status, "3", shown.clone())).await, Some(3_000 * MS), "{status} {name}");
            assert_eq!(
                wait(waiting(status, "3", outcome.clone())).await,
                Some(3_000 * MS),
                "{status} {name}"
            );
            let mut problem = problem(status, own.clone());
            problem.headers_mut().insert("retry-after", "3".parse().unwrap());
            assert_eq!(wait(problem).await, Some(3_000 * MS), "{status} {kind}");
            // Longer and shorter than the 400 ms of the body.
            assert_eq!(wait(waiting(status, "3", google(&name))).await, Some(3_000 * MS), "{status} {name}");
            assert_eq!(wait(waiting(status, "0", google(&name))).await, Some(400 * MS), "{status} {name}");
        }
    }
    // A quota with a wait is a throttle, whatever the source of the wait.
    let quota = r#"{"error":{"status":"RESOURCE_EXHAUSTED"}}"#;
    assert_eq!(arrives(waiting(429, "3", quota)).await.kind(), Kind::Throttled);
    let spent = arrives(json(429, "application/json", quota)).await;
    assert_eq!((spent.kind(), spent.class().breaker()), (Kind::ResourceExhausted, BreakerEffect::Throttle));
}

/// [S10] The milliseconds of our own bodies are exact where the header only rounds them; a longer header counts.
#[tokio::test]
async fn our_own_milliseconds_are_exact() {
    for (header, wait) in [("1", 400), ("0", 400), ("2", 2_000), ("30", 30_000)] {
        let mut answer = problem(503, r#"{"kind":"unavailable","retry_after_ms":400}"#);
        answer.headers_mut().insert("retry-after", header.parse().unwrap());
        assert_eq!(arrives(answer).await.class().retry_after, Some(wait * MS), "{header}");
    }
}

/// [S12] A body that only repeats the status takes nothing of what the status says besides.
#[tokio::test]
async fn a_body_that_repeats_the_status_leaves_its_meaning() {
    for status in [421, 425] {
        let plain = arrives(json(status, "text/plain", "no")).await;
        let shown = r#"{"error":{"status":"UNAVAILABLE","message":"no"}}"#;
        assert_eq!(arrives(json(status, "application/json", shown)).await.class(), plain.class(), "{status}");
    }
}

/// What says no kind, or is not said to be an envelope, leaves it to the status.
#[tokio::test]
async fn else_the_status_decides() {
    let known = r#"{"kind":"not_found"}"#;
    let cases = [
        problem(503, r#"{"type":"https://example.org/busy","title":"Busy","status":503}"#),
        problem(503, r#"{"kind":"frobbed","reason":"A","retry":"never"}"#),
        problem(503, r#"{"kind":["not_found"]}"#),
        problem(503, r#"{"kind":"not_fo"#),
        problem(503, "[]"),
        problem(503, ""),
        json(503, "application/problem+xml", known),
        json(503, "text/html", known),
        json(503, "application/json", known),
        json(503, "application/json", r#"{"error":"not_found"}"#),
        json(503, "application/json", r#"{"error":{"status":"REJECTED"}}"#),
    ];
    for case in cases {
        let text = format!("{case:?}");
        let error = arrives(case).await;
        assert_eq!(*error.class(), Class::new(Kind::Unavailable).dependency(), "{text}");
    }
    let error = arrives(problem(503, format!("{:9000}", known))).await;
    assert_eq!(error.kind(), Kind::Unavailable, "longer than what is read");
    let error = arrives(Response::builder().status(503).body(Body::from(known)).unwrap()).await;
    assert_eq!(error.kind(), Kind::Unavailable, "without a media type");
}

#[test]
fn a_reason_needs_a_kind() {
    let read = |body: &str| ProblemDetails::from_json(body.as_bytes()).unwrap().reason;
    assert_eq!(read(r#"{"reason":"NO_ORDER","kind":"not_found"}"#), Some("NO_ORDER"));
    assert_eq!(read(r#"{"reason":"NO_ORDER","kind":"frobbed"}"#), None);
    assert_eq!(read(r#"{"reason":"NO_ORDER"}"#), None);
}

/// A reason that is not valid here is not lost: it becomes the attribute `code`, cut and escaped.
#[tokio::test]
async fn a_reason_that_is_none_is_told() {
    let long = "A".repeat(64);
    for (reason, kind, code) in [
        ("card_declined", "not_found", "card_declined"),
        (&long, "not_found", &long),
        ("4XX", "not_found", "4XX"),
        ("BAD\u{7}\u{1b}[31mLUCK", "not_found", "BAD  [31mLUCK"),
        ("NO_ORDER", "frobbed", "NO_ORDER"),
    ] {
        let body = serde_json::json!({"kind": kind, "reason": reason, "detail": "no"}).to_string();
        let outcome =
            serde_json::json!({"error": {"kind": kind, "code": reason, "message": "no"}}).to_string();
        let mut answers = vec![problem(404, body)];
        if kind == "not_found" {
            answers.push(json(404, "application/json", outcome));
        }
        for answer in answers {
            let error = arrives(answer).await;
            assert_eq!((error.kind(), error.class().reason), (Kind::NotFound, None));
            let shown: Vec<_> = error.attrs().map(|(key, value)| (key, value.to_string())).collect();
            assert_eq!(shown, [("code", code.to_owned())]);
        }
    }
    let known = problem(404, r#"{"kind":"not_found","reason":"NO_ORDER"}"#);
    assert_eq!(arrives(known).await.attrs().count(), 0);
}

/// [S10] a wait in the body is cut as one in the header is.
#[tokio::test]
async fn a_wait_in_the_body_is_capped() {
    let body = format!(r#"{{"kind":"throttled","retry_after_ms":{}}}"#, u64::MAX);
    let error = arrives(problem(429, body.clone())).await;
    assert_eq!(error.class().retry_after, Some(Duration::from_secs(86_400)));
    let layer =
        HttpLayer::new("orders").classifier(http_classifier().max_retry_after(Duration::from_secs(9)));
    let error = arrives_by(layer, problem(429, body)).await;
    assert_eq!(error.class().retry_after, Some(Duration::from_secs(9)));
}

/// A profile that repeats a 500 does so too where the body says no more than that; but it never overrules a server that has
/// given up.
#[tokio::test]
async fn a_profile_holds_for_bodies() {
    for (body, advice) in [
        (r#"{"kind":"internal"}"#, RetryAdvice::Call),
        (r#"{"kind":"internal","retry":"never"}"#, RetryAdvice::Never),
        (r#"{"kind":"data_loss"}"#, RetryAdvice::Never),
    ] {
        let aws = HttpLayer::new("orders").classifier(http_classifier().profile(Profile::Aws));
        assert_eq!(arrives_by(aws, problem(500, body)).await.advice(), advice, "{body}");
        assert_eq!(arrives(problem(500, body)).await.advice(), RetryAdvice::Never, "{body}");
    }
}

/// Untrusted text reaches neither the terminal nor the labels of a metric as it is.
#[tokio::test]
async fn hostile_words_are_tamed() {
    let body = serde_json::json!({
        "kind": "invalid_argument",
        "reason": "x".repeat(5_000),
        "detail": "first\nsecond \u{1b}[31m",
        "violations": [{"field": "a\u{1b}[2J", "description": "b\n"}, {"field": 7}, "no"],
    });
    let error = arrives(problem(400, body.to_string())).await;
    assert_eq!(error.class().reason, None);
    assert_eq!(error.notes().last(), Some("response: first second [31m"));
    assert_eq!(error.violations(), [Violation::new("a [2J", "b ")]);
    assert!(!format!("{error} {error:#} {error:?}").contains('\u{1b}'));
}

/// A `?` in a handler records the handler's own line.
#[test]
fn a_question_mark_records_its_line() {
    fn handler() -> Result<(), Problem> {
        Err(io::Error::from(io::ErrorKind::TimedOut))?
    }
    let place = handler().unwrap_err().into_error().location().unwrap();
    assert!(place.file().ends_with("wire.rs"), "{place}");
}

#[cfg(feature = "axum")]
#[test]
fn axum_takes_it() {
    use axum_core::response::IntoResponse;

    let result: Result<(), Problem> = Err(Error::new(Kind::NotFound, "x").into());
    assert_eq!(result.into_response().status(), 404);
}

/// [S15] an exhausted failure is marked in a header too, for clients that do not read the body.
#[test]
fn an_exhausted_error_says_so_in_the_head() {
    let said = |class: Class| {
        let answer: Response<String> = Problem::from(Error::new(class, "busy")).to_response();
        answer.headers().get(SHOULD_RETRY).cloned()
    };
    assert_eq!(said(Class::new(Kind::Unavailable).exhausted()).unwrap(), "false");
    assert_eq!(said(Class::new(Kind::NotFound).dependency().exhausted()).unwrap(), "false");
    assert_eq!(said(Kind::Unavailable.into()), None);
    assert_eq!(said(Kind::NotFound.into()), None);
}

/// [S15] the head is enough: without the body, with one that says less, in a gateway that passes statuses through.
#[tokio::test]
async fn the_head_alone_exhausts() {
    let bodies = [
        problem(503, ""),
        problem(503, r#"{"kind":"unavailable"}"#),
        problem(
            503,
            r#"{"kind":"unavailable","retry":"call","retry_after_ms":5,"delivery":"not_processed"}"#,
        ),
        problem(429, r#"{"kind":"timeout","retry":"call"}"#),
        json(503, "text/html", "<h1>busy</h1>"),
    ];
    for mut answer in bodies {
        answer.headers_mut().insert(SHOULD_RETRY, HeaderValue::from_static("false"));
        let passed = http_classifier().class(&answer).unwrap();
        assert!(passed.exhausted && !passed.is_retryable(true), "{passed:?}");
        let error = arrives(answer).await;
        assert!(error.class().exhausted && !error.class().is_retryable(true), "{error:?}");
    }
}

/// [S15] so it is for those who read a problem by themselves.
#[test]
fn a_head_that_was_given_up_stays_so() {
    let problem =
        ProblemDetails::from_json(br#"{"kind":"timeout","retry":"call","delivery":"not_processed"}"#);
    let class = |head: Class| problem.as_ref().unwrap().class(head);
    assert!(class(Kind::Unavailable.into()).is_retryable(false));
    let given_up = class(Class::new(Kind::Unavailable).exhausted());
    assert!(given_up.exhausted && !given_up.is_retryable(true), "{given_up:?}");
}

proptest! {
    /// [S15] the mark can only stop: whatever a server writes there, no answer may be repeated that may not without it.
    #[test]
    fn the_mark_causes_no_retry(status in 100..=599_u16, mark in "true|false|TRUE|False|1|0|yes|no|[ -~]{0,9}") {
        let judged = |mark: Option<&str>| {
            let mut answer = Response::builder().status(status);
            if let Some(mark) = mark {
                answer = answer.header(SHOULD_RETRY, mark);
            }
            http_classifier().class(&answer.body(()).unwrap())
        };
        let (without, with) = (judged(None), judged(Some(&mark)));
        prop_assert_eq!(without.is_some(), with.is_some(), "nor is it a failure or a success because of it");
        if let (Some(without), Some(with)) = (without, with) {
            prop_assert_eq!(without.kind, with.kind);
            prop_assert!(without.is_retryable(true) || !with.is_retryable(true));
            prop_assert_eq!(with.exhausted, mark == "false" && without.retry == RetryAdvice::Call);
            prop_assert!(without == with || with.exhausted);
        }
    }
}

/// [S15] one that each of two servers has added stops, whichever is the first.
#[test]
fn one_mark_of_many_is_enough() {
    let marked = Response::builder().status(503).header(SHOULD_RETRY, "true").header(SHOULD_RETRY, "false");
    assert!(http_classifier().class(&marked.body(()).unwrap()).unwrap().exhausted);
}

/// A 401 that says so is left to a remedy all the same: that is no blind repetition.
#[test]
fn the_mark_leaves_remedies_alone() {
    let answer = Response::builder().status(401).header(SHOULD_RETRY, "false").body(()).unwrap();
    assert_eq!(http_classifier().class(&answer).unwrap().retry, RetryAdvice::AfterRemedy);
}
