//! What a stack does, for people.

use std::fmt;
use std::time::Duration;

use super::ClientLayer;

/// What a client stack does: the order of its layers, the worst case in calls and seconds, and warnings. Written by
/// `Display`.
///
/// ```
/// use std::time::Duration;
/// use buttress::Body;
/// use http::{Request, Response};
/// use tower::service_fn;
///
/// async fn server(_: Request<Body>) -> Result<Response<Body>, std::io::Error> {
///     Ok(Response::new(Body::empty()))
/// }
///
/// # fn main() -> Result<(), buttress::SettingsError> {
/// let client = buttress::client("payments").deadline(Duration::from_secs(5)).service(service_fn(server))?;
/// assert_eq!(
///     client.explain().to_string(),
///     "payments: a call passes, outermost first,
///   context          request id and trace, unless the caller brings them
///   log              one event when it starts, one when it ends
///   deadline         5s for the whole call
///   retry            4 attempts at most; the waits take up to 1.4s in all,
///                    7s after throttles, 5s if the server asks for them
///   breaker          closed; one circuit for all calls of this client
///   attempt timeout  7s for each attempt
///   http             bad statuses and broken connections become errors
/// worst case: 4 calls, 5s
/// warning: the attempt timeout (7s) is not below the deadline (5s): an attempt that hangs is never retried
/// "
/// );
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Explain<'c> {
    layer: &'c ClientLayer,
}

impl<'c> Explain<'c> {
    pub(super) const fn new(layer: &'c ClientLayer) -> Self {
        Self { layer }
    }
}

impl fmt::Display for Explain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = &self.layer.settings;
        let (deadline, timeout) = (settings.deadline, settings.attempt_timeout);
        let policy = &self.layer.policy;
        let attempts = policy.max_attempts();
        let (waits, throttled) = (policy.max_total_backoff(), policy.max_total_throttled_backoff());
        let asked = policy.max_total_wait().min(deadline);
        let remedies = policy.max_total_remedy_time();
        writeln!(f, "{}: a call passes, outermost first,", settings.name)?;
        let mut line = |layer: &str, text: fmt::Arguments<'_>| writeln!(f, "  {layer:<16} {text}");
        if settings.idempotency_keys {
            line(
                "idempotency key",
                format_args!("a new one for each POST and PATCH, the same for all attempts"),
            )?;
        }
        line("context", format_args!("request id and trace, unless the caller brings them"))?;
        let events =
            if self.layer.log.is_on() { "one event when it starts, one when it ends" } else { "off" };
        line("log", format_args!("{events}"))?;
        line("deadline", format_args!("{deadline:?} for the whole call"))?;
        line(
            "retry",
            format_args!(
                "{attempts} attempts at most; the waits take up to {waits:?} in all,\n{:19}{throttled:?} after \
                 throttles, {asked:?} if the server asks for them",
                ""
            ),
        )?;
        if !remedies.is_zero() {
            line("retry", format_args!("its remedies take up to {remedies:?} in all"))?;
        }
        line(
            "breaker",
            format_args!("{}; one circuit for all calls of this client", self.layer.breaker.state()),
        )?;
        line("attempt timeout", format_args!("{timeout:?} for each attempt"))?;
        if settings.bearer.is_some() {
            line("bearer token", format_args!("that of the moment, on each attempt to its origins"))?;
        }
        line("http", format_args!("bad statuses and broken connections become errors"))?;
        if settings.send_attempt {
            line("http", format_args!("the number of the attempt goes along"))?;
        }
        if !settings.trusted.is_empty() {
            line("http", format_args!("the deadline goes along to the origins that are trusted"))?;
        }
        if let Some(idle) = settings.idle_timeout {
            line("body", format_args!("{idle:?} at most between two parts of it"))?;
        }
        if settings.judge_at_body_end {
            line("body", format_args!("its end is the end of the call for the breaker"))?;
        }

        let calls = timeout.saturating_mul(attempts);
        let worst = calls.saturating_add(asked).saturating_add(remedies).min(deadline);
        writeln!(f, "worst case: {attempts} calls, {worst:?}")?;
        self.warnings(f, calls.saturating_add(waits))
    }
}

impl Explain<'_> {
    /// `needed` is the time of all attempts that hang, and of the waits between them.
    fn warnings(&self, f: &mut fmt::Formatter<'_>, needed: Duration) -> fmt::Result {
        let (settings, policy) = (&self.layer.settings, &self.layer.policy);
        let (deadline, timeout, attempts) =
            (settings.deadline, settings.attempt_timeout, policy.max_attempts());
        if attempts > 1 && timeout >= deadline {
            writeln!(
                f,
                "warning: the attempt timeout ({timeout:?}) is not below the deadline ({deadline:?}): an attempt \
                 that hangs is never retried"
            )?;
        } else if attempts > 1 && needed > deadline {
            writeln!(
                f,
                "warning: {attempts} attempts that hang for {timeout:?} each, and their waits, take up to {needed:?}: \
                 the deadline ({deadline:?}) cuts them short"
            )?;
        }
        if attempts > 1 && policy.budget().is_none() {
            writeln!(f, "warning: without a retry budget an outage multiplies the traffic")?;
        }
        Ok(())
    }
}
