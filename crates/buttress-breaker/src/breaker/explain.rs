//! What a breaker does, for people.

use std::error::Error as _;
use std::fmt::{self, Display, Formatter};
use std::sync::Arc;
use std::time::Duration;

use buttress_error::Cause;

use crate::breaker::Breaker;
use crate::circuit::change::State;
use crate::circuit::ramp::STEPS;
use crate::circuit::round::Bad;
use crate::circuit::rule::{Part, Proof};
use crate::circuit::settings::{Check, RateCheck, Settings};
use crate::circuit::snapshot::Snapshot;
use crate::circuit::time::Nanos;
use crate::circuit::window::Window;

impl Breaker {
    /// Its state, why, what comes next, what it has counted and by which settings: for people. Written by `Display`; the
    /// words may change from release to release.
    ///
    /// ```
    /// use buttress_breaker::{Breaker, OpenWait, TripRule};
    /// use buttress_error::{Error, Kind};
    /// use std::time::Duration;
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// async fn query() -> Result<(), Error> {
    ///     Err(Error::new(Kind::Unavailable, "no route to database"))
    /// }
    ///
    /// let breaker = Breaker::builder("db").trip_when(TripRule::stuck(10, Duration::from_secs(30))).open_wait(OpenWait::default().jitter(0.0)).build()?;
    /// for _ in 0..5 {
    ///     let _ = breaker.call(query).await;
    /// }
    /// tokio::time::advance(Duration::from_secs(2)).await;
    /// assert_eq!(
    ///     breaker.explain().to_string(),
    ///     "db: open for 2.0s: 5 of 5 failed, threshold 50 %, window 30s
    ///   last failure   unavailable: no route to database
    ///   next           at the first call in 3.0s, up to 3 probes
    ///   last 30s       5 calls: 5 failed, 0 slow, 0 throttled
    ///   so far         5 calls admitted, 0 of them in flight, 0 refused, 1 change of state
    ///   opens at       20 failures in a row
    ///                  50 % failed and 2 standard errors more, of at least 5 calls in the last 30s (15 of 20, 60 of 100)
    ///                  10 calls in flight for longer than 30s
    ///   stays open     5s, then 2 times as long each time, up to 60s; up to 60s if the dependency sends Retry-After
    ///   closes at      2 of 3 probes, each within 10s
    ///   dropped calls  failed after 1s
    /// "
    /// );
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn explain(&self) -> BreakerExplain {
        let now = self.now();
        let snapshot = {
            let mut circuit = self.lock();
            let looked = self.gate().look(&mut circuit);
            let mut snapshot = circuit.snapshot(now);
            snapshot.stats = looked.complete(snapshot.stats);
            self.gate().follow(&circuit);
            snapshot
        };
        BreakerExplain { name: self.name().into(), snapshot }
    }
}

/// What a breaker does and why, as it was at one moment; made by [`Breaker::explain`].
#[derive(Clone, Debug)]
pub struct BreakerExplain {
    name: Arc<str>,
    snapshot: Snapshot,
}

impl Display for BreakerExplain {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { name, snapshot } = self;
        let Snapshot { settings, stats, .. } = snapshot;
        write!(f, "{name}: {} for {:.1?}", spelled(snapshot.state), time(snapshot.since))?;
        if let Some(trip) = &snapshot.trip {
            write!(f, ": {}", trip.reason)?;
        }
        f.write_str(if snapshot.shadow { " (only pretended: a shadow refuses nothing)\n" } else { "\n" })?;
        let cause = snapshot.trip.as_ref().and_then(|trip| trip.cause.as_ref());
        if let Some(cause) = snapshot.last.as_ref().or(cause) {
            line(f, "last failure", &Failure(cause))?;
        }
        if let Some(next) = Next::of(snapshot) {
            line(f, "next", &next)?;
        }
        for (window, tally) in &snapshot.windows {
            let counts = format_args!(
                "{}: {} failed, {} slow, {} throttled",
                calls(tally.total),
                tally.failed,
                tally.slow,
                tally.throttled
            );
            match window.streak() {
                Some(_) => line(f, "in a row", &format_args!("{} failed", snapshot.streak))?,
                None => line(f, Of(*window), &counts)?,
            }
        }
        let so_far = format_args!(
            "{} admitted, {} of them in flight, {} refused, {} of state",
            Many(stats.admitted, "call"),
            stats.in_flight(),
            stats.rejected,
            Many(stats.transitions, "change")
        );
        line(f, "so far", &so_far)?;
        for (n, check) in settings.checks.iter().enumerate() {
            line(f, if n == 0 { "opens at" } else { "" }, &Reason(check, settings))?;
        }
        if settings.checks.is_empty() {
            line(f, "opens at", &"nothing")?;
        }
        line(f, "stays open", &Wait(settings))?;
        line(f, "closes at", &Closing(settings))?;
        if let Some(limit) = settings.slow_call {
            line(f, "slow calls", &format_args!("take longer than {:?}", time(limit)))?;
        }
        match settings.source.abandon_after_or_default() {
            Duration::MAX => line(f, "dropped calls", &"count for nothing"),
            wait => line(f, "dropped calls", &format_args!("failed after {wait:?}")),
        }
    }
}

fn line(f: &mut Formatter<'_>, name: impl Display, text: &dyn Display) -> fmt::Result {
    writeln!(f, "  {:<14} {text}", name.to_string())
}

const fn spelled(state: State) -> &'static str {
    match state {
        State::Closed => "closed",
        State::Open => "open",
        State::HalfOpen => "half-open",
        State::ForcedOpen => "forced open",
        State::Disabled => "disabled",
    }
}

const fn time(nanos: Nanos) -> Duration {
    Duration::from_nanos(nanos)
}

/// The chain of a failure, as far as it could be kept.
struct Failure<'e>(&'e Cause);

impl Display for Failure<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Cause { kind, reason, error, .. } = self.0;
        write!(f, "{kind}")?;
        if let Some(reason) = reason {
            write!(f, " ({reason})")?;
        }
        let Some(error) = error else { return Ok(()) };
        write!(f, ": {error}")?;
        let mut source = error.source();
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

/// What will happen to a circuit that refuses calls.
enum Next {
    Probes { rest: Nanos, probes: u32 },
    Grant { rest: Nanos },
    Verdict { settled: u32, bad: Bad, live: u32, probes: u32 },
    Ramp { percent: u8, rest: Nanos },
    Order,
}

impl Next {
    fn of(snapshot: &Snapshot) -> Option<Self> {
        let probes = snapshot.settings.round.probes;
        if let Some((percent, rest)) = snapshot.ramp {
            return Some(Self::Ramp { percent, rest });
        }
        match (snapshot.state, snapshot.rest, snapshot.probes) {
            (_, Some(rest), _) if snapshot.away => Some(Self::Grant { rest }),
            (_, Some(rest), _) => Some(Self::Probes { rest, probes }),
            (_, _, Some((settled, bad, live, probes))) => Some(Self::Verdict { settled, bad, live, probes }),
            (State::ForcedOpen | State::Disabled, ..) => Some(Self::Order),
            _ => None,
        }
    }
}

impl Display for Next {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Probes { rest: 0, probes: number } => {
                write!(f, "at the first call, up to {}", probes(number))
            }
            Self::Probes { rest, probes: number } => {
                write!(f, "at the first call in {:.1?}, up to {}", time(rest), probes(number))
            }
            Self::Grant { rest } => {
                write!(f, "probes that the fleet grants, in {:.1?} at the soonest", time(rest))
            }
            Self::Verdict { settled, bad, live, probes: number } => {
                let number = probes(number);
                write!(f, "a verdict: {settled} of {number} settled, {}; {live} under way", BadProbes(bad))
            }
            Self::Ramp { percent, rest } => {
                write!(f, "{percent} % of the calls, and more of them in {:.1?}", time(rest))
            }
            Self::Order => f.write_str("nothing, before somebody releases or resets it"),
        }
    }
}

/// `1 failed, 1 slow`.
struct BadProbes(Bad);

impl Display for BadProbes {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Bad { failed, throttled, slow, expired } = self.0;
        write!(f, "{failed} failed")?;
        let others = [(throttled, "throttled"), (slow, "slow"), (expired, "outlived the lease")];
        let mut others = others.into_iter().filter(|(count, _)| *count > 0);
        others.try_for_each(|(count, word)| write!(f, ", {count} {word}"))
    }
}

/// `last 30s`, or `last 100 calls`.
struct Of(Window);

impl Display for Of {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match (self.0.span(), self.0.capacity()) {
            (Some(span), _) => write!(f, "last {span:?}"),
            (_, Some(number)) => write!(f, "last {}", calls(number)),
            _ => f.write_str("calls"),
        }
    }
}

/// So many of a thing.
struct Many(u64, &'static str);

impl Display for Many {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(number, thing) = self;
        write!(f, "{number} {thing}{}", if *number == 1 { "" } else { "s" })
    }
}

fn calls(number: u32) -> Many {
    Many(number.into(), "call")
}

fn probes(number: u32) -> Many {
    Many(number.into(), "probe")
}

/// By what the circuit opens.
struct Reason<'s>(&'s Check, &'s Settings);

impl Display for Reason<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match *self.0 {
            Check::Rate(RateCheck { part, threshold, proof, minimum, window, .. }) => {
                let part = match part {
                    Part::Failed => "failed",
                    Part::Slow => "slow",
                    Part::Throttled => "throttled",
                };
                // 0.55 * 100.0 is 55.000 000 000 000 01: two decimals are enough.
                let percent = (threshold.rate() * 10_000.0).round() / 100.0;
                let (minimum, window) = (calls(minimum), Of(self.1.windows[window]));
                match proof {
                    Proof::Plain => write!(f, "{percent} % {part} of at least {minimum} in the {window}"),
                    Proof::Evidence => {
                        write!(
                            f,
                            "{percent} % {part} and 2 standard errors more, of at least {minimum} in the {window}"
                        )?;
                        write!(
                            f,
                            " ({} of 20, {} of 100)",
                            threshold.least_evident(20),
                            threshold.least_evident(100)
                        )
                    }
                }
            }
            Check::Streak(1) | Check::FailuresWithin { failures: 1, .. } => f.write_str("the first failure"),
            Check::Streak(limit) => write!(f, "{limit} failures in a row"),
            Check::FailuresWithin { failures, time, .. } => write!(f, "{failures} failures within {time:?}"),
            Check::Stuck { calls: number, age, .. } => {
                write!(f, "{} in flight for longer than {age:?}", calls(number))
            }
        }
    }
}

/// How long the circuit stays open.
struct Wait<'s>(&'s Settings);

impl Display for Wait<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let wait = &self.0.open_wait;
        write!(
            f,
            "{:?}, then {} times as long each time, up to {:?}",
            wait.base,
            wait.multiplier,
            wait.longest()
        )?;
        if wait.jitter > 0.0 {
            write!(f, ", give or take {} %", (wait.jitter * 10_000.0).round() / 100.0)?;
        }
        match wait.max_retry_after {
            Duration::ZERO => Ok(()),
            longest => write!(f, "; up to {longest:?} if the dependency sends Retry-After"),
        }
    }
}

/// When the circuit closes.
struct Closing<'s>(&'s Settings);

impl Display for Closing<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let round = &self.0.round;
        let number = probes(round.probes);
        match round.needed {
            Some(needed) => write!(f, "{needed} of {number}")?,
            None => write!(f, "{number} whose rates are below those of the builder")?,
        }
        write!(f, ", each within {:?}", self.0.source.probes.timeout)?;
        let Some(step) = self.0.source.ramp else { return Ok(()) };
        let [first, second, third] = STEPS;
        write!(f, "; then takes {first}, {second}, {third} and 100 % of the calls, {step:?} each")
    }
}
