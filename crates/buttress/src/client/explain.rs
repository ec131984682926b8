//! `Explain`: describes a client stack.

use std::fmt;
use std::time::Duration;

use super::stack::ClientLayer;

/// The description of a client stack: the order of its layers, the worst case in calls and seconds, and warnings. `Display`
/// writes it.
///
/// The worst case does not include gaps in a streamed request body: an attempt whose caller pauses its own body may take
/// longer than the attempt timeout, though never longer than the deadline.
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
///   retry            at most 4 attempts; the waits take up to 1.4s in total,
///                    7s after throttling, 5s if the server sends Retry-After
///   breaker          closed; one circuit for all calls of this client
///   attempt timeout  7s for each attempt, plus gaps in a streamed upload
///   http             bad statuses and broken connections become errors
/// worst case: 4 calls, 5s
/// warning: the attempt timeout (7s) is not below the deadline (5s), so an attempt that hangs is never retried
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
        let retry_after = policy.max_total_wait().min(deadline);
        let remedies = policy.max_total_remedy_time();
        writeln!(f, "{}: a call passes, outermost first,", settings.name)?;
        let mut line = |layer: &str, text: fmt::Arguments<'_>| writeln!(f, "  {layer:<16} {text}");
        if settings.idempotency_keys {
            line(
                "idempotency key",
                format_args!("a new key for each POST and PATCH, the same for all attempts"),
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
                "at most {attempts} attempts; the waits take up to {waits:?} in total,\n{:19}{throttled:?} after \
                 throttling, {retry_after:?} if the server sends Retry-After",
                ""
            ),
        )?;
        if !remedies.is_zero() {
            line("retry", format_args!("remedies take up to {remedies:?} in total"))?;
        }
        line(
            "breaker",
            format_args!("{}; one circuit for all calls of this client", self.layer.breaker.state()),
        )?;
        line(
            "attempt timeout",
            format_args!("{timeout:?} for each attempt, plus gaps in a streamed upload"),
        )?;
        if settings.bearer.is_some() {
            line("bearer token", format_args!("the current token, on each attempt to its origins"))?;
        }
        line("http", format_args!("bad statuses and broken connections become errors"))?;
        if settings.send_attempt {
            line("http", format_args!("sends the number of the attempt"))?;
        }
        if !settings.deadline_to.is_empty() {
            line("http", format_args!("sends the deadline to the listed origins"))?;
        }
        if let Some(idle) = settings.idle_timeout {
            line("body", format_args!("at most {idle:?} between two frames of a response"))?;
        }
        if settings.judge_at_body_end {
            line("body", format_args!("the breaker judges a call by the end of its response"))?;
        }

        let calls = timeout.saturating_mul(attempts);
        let worst = calls.saturating_add(retry_after).saturating_add(remedies).min(deadline);
        writeln!(f, "worst case: {attempts} calls, {worst:?}")?;
        self.warnings(f, calls.saturating_add(waits))
    }
}

impl Explain<'_> {
    /// Writes the warnings. `needed` is the time of attempts that all hang, and of the waits between them.
    fn warnings(&self, f: &mut fmt::Formatter<'_>, needed: Duration) -> fmt::Result {
        let (settings, policy) = (&self.layer.settings, &self.layer.policy);
        let (deadline, timeout, attempts) =
            (settings.deadline, settings.attempt_timeout, policy.max_attempts());
        if attempts > 1 && timeout >= deadline {
            writeln!(
                f,
                "warning: the attempt timeout ({timeout:?}) is not below the deadline ({deadline:?}), so an attempt \
                 that hangs is never retried"
            )?;
        } else if attempts > 1 && needed > deadline {
            writeln!(
                f,
                "warning: {attempts} attempts that hang for {timeout:?} each, and the waits between them, take up to \
                 {needed:?}, so the deadline ({deadline:?}) cuts them short"
            )?;
        }
        if attempts > 1 && policy.budget().is_none() {
            writeln!(f, "warning: without a retry budget, an outage multiplies the traffic")?;
        }
        Ok(())
    }
}
