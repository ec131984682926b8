//! Bad settings of the ready-made stack: all of them are reported, together, by a typed error.
#![allow(clippy::unwrap_used)] // helpers of tests are tests

use std::time::Duration;

use buttress::{
    Backoff, Breaker, Client, ClientBuilder, ClientLayer, ConfigError, Error, Kind, Policy, SettingsError,
    client,
};

const SECOND: Duration = Duration::from_secs(1);

/// The errors of `service`, which are those of `build`.
fn refused(settings: ClientBuilder) -> SettingsError {
    let error = settings.clone().build().unwrap_err();
    assert_eq!(settings.service(reqwest::Client::new()).map(drop).unwrap_err(), error);
    error
}

fn names(error: &SettingsError) -> Vec<&str> {
    error.errors().iter().map(ConfigError::setting).collect()
}

/// [S8] Each bad setting alone is refused, under its name.
#[test]
fn each_bad_setting_is_refused() {
    let table: [(ClientBuilder, &str, &str); 11] = [
        (client("payments").deadline(Duration::ZERO), "deadline", "longer than zero"),
        (client("payments").attempt_timeout(Duration::ZERO), "attempt_timeout", "longer than zero"),
        (client("payments").idle_timeout(Duration::ZERO), "idle_timeout", "longer than zero"),
        (client("payments").retry(Policy::exponential().max_attempts(0)), "max_attempts", "at least 1"),
        (client("payments").retry(Policy::exponential().base(SECOND * 60)), "base", "5 s"),
        (
            client("payments").retry(Policy::exponential().backoff(Backoff::exponential(SECOND * 6))),
            "backoff",
            "cap",
        ),
        (client("payments").breaker(Breaker::builder("payments").probes(0)), "probes", "1"),
        (
            client("payments").breaker(Breaker::builder("payments").abandon_after(Duration::ZERO)),
            "abandon_after",
            "zero",
        ),
        (client("payments").send_deadline_to("payments.internal"), "send_deadline_to", "origin"),
        (client("payments").send_deadline_to("ftp://payments.internal"), "send_deadline_to", "origin"),
        (client("payments").send_deadline_to("https://payments.internal/path"), "send_deadline_to", "origin"),
    ];
    for (settings, setting, range) in table {
        let error = refused(settings);
        assert_eq!(names(&error), [setting]);
        assert!(error.errors()[0].range().contains(range), "{error}");
    }
}

/// [S8] All at once, in one line, and none twice.
#[test]
fn all_bad_settings_are_reported_together() {
    let settings = client("payments")
        .send_deadline_to("payments.internal")
        .send_deadline_to("https://fine.internal:8443")
        .send_deadline_to("https://payments.internal/path")
        .idle_timeout(Duration::ZERO)
        .retry(Policy::exponential().max_attempts(0))
        .attempt_timeout(Duration::ZERO)
        .breaker(Breaker::builder("payments").probes(0))
        .deadline(Duration::ZERO);
    let error = refused(settings);
    let all = [
        "deadline",
        "attempt_timeout",
        "idle_timeout",
        "send_deadline_to",
        "send_deadline_to",
        "max_attempts",
        "probes",
    ];
    assert_eq!(names(&error), all);
    let text = error.to_string();
    assert!(text.starts_with("client payments: 7 invalid settings: invalid deadline: "), "{text}");
    assert!(!text.contains('\n'), "{text}");
    for name in all {
        assert!(text.contains(name), "{text}");
    }
    assert_eq!(Error::from(error).kind(), Kind::Config);
}

/// A setting that was corrected later is fine.
#[test]
fn the_last_value_of_a_setting_counts() {
    let settings = client("payments").deadline(Duration::ZERO).deadline(SECOND).breaker("payments");
    settings.attempt_timeout(Duration::ZERO).attempt_timeout(SECOND / 10).build().unwrap();
}

/// [S38] an origin may hold a password, which is in no error.
#[test]
fn a_password_in_an_origin_is_not_shown() {
    let error = refused(client("payments").send_deadline_to("https://user:hunter2@payments.internal"));
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
}

/// The defaults can't fail; `new` and the builder agree on them.
#[test]
fn the_defaults_need_no_result() {
    let new: Client<reqwest::Client, reqwest::Request> = Client::new("payments", reqwest::Client::new());
    let built = client("payments").service(reqwest::Client::new()).unwrap();
    assert_eq!(new.explain().to_string(), built.explain().to_string());
    let settings = |layer: ClientLayer| format!("{:?}", layer.breaker().settings());
    assert_eq!(settings(ClientLayer::new("payments")), settings(client("payments").build().unwrap()));
}

/// The shortest and the longest times are taken.
#[test]
fn times_at_the_edge_are_taken() {
    for time in [Duration::from_nanos(1), Duration::MAX] {
        for settings in [client("payments").deadline(time), client("payments").attempt_timeout(time)] {
            settings.build().unwrap();
        }
        client("payments").deadline(time).attempt_timeout(time).idle_timeout(time).build().unwrap();
    }
}

/// `explain` warns where the attempts and their waits don't fit into the deadline, and only there.
#[test]
fn a_deadline_that_cuts_attempts_short_is_warned_of() {
    let text = |settings: ClientBuilder| {
        let client = settings.service(reqwest::Client::new()).unwrap();
        client.explain().to_string()
    };
    // Four attempts of 7 s, and 200 + 400 + 800 ms of waits.
    let needed = SECOND * 28 + Duration::from_millis(1400);
    assert!(!text(client("payments").deadline(needed)).contains("warning"));
    let short = text(client("payments").deadline(needed - Duration::from_millis(1)));
    assert!(
        short.contains(
            "warning: 4 attempts that hang for 7s each, and the waits between them, take up to 29.4s"
        ),
        "{short}"
    );
    for (settings, warns) in [
        (client("payments"), false),
        (client("payments").deadline(SECOND * 5), true),
        (client("payments").attempt_timeout(SECOND * 8), true),
        (client("payments").retry(Policy::exponential().max_attempts(5)), true),
        (client("payments").retry(Policy::exponential().base(SECOND)), true),
        (client("payments").retry(Policy::exponential().max_attempts(1)).attempt_timeout(SECOND * 30), false),
        (client("payments").deadline(Duration::MAX).attempt_timeout(SECOND * 60), false),
    ] {
        let text = text(settings);
        assert_eq!(text.contains("warning"), warns, "{text}");
    }
}
