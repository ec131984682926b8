//! `BreakerExplain`: what a breaker does, in words for people.

use std::error::Error as _;
use std::fmt::{self, Display, Formatter};
use std::sync::Arc;
use std::time::Duration;

use buttress_error::Cause;

use crate::breaker::Breaker;
use crate::circuit::half_open::{BadProbes, RoundView};
use crate::circuit::open_wait::OpenWait;
use crate::circuit::ramp::STEPS;
use crate::circuit::rule::{Comparison, Measure};
use crate::circuit::settings::{Check, RateCheck, Settings};
use crate::circuit::snapshot::{RampView, Snapshot};
use crate::circuit::state::State;
use crate::circuit::time::Nanos;
use crate::circuit::window::Window;

impl Breaker {
    /// Explains its state, the reason, what happens next, its counts and its settings, in words for people. Use `Display`; the
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
    ///   next           half-open at the first call in 3.0s, with up to 3 probes
    ///   last 30s       5 calls: 5 failed, 0 slow, 0 throttled
    ///   in total       5 calls admitted, 0 of them in flight, 0 refused, 1 state change
    ///   opens at       20 failures in a row
    ///                  evidence of more than 50 % failed (15 of 20, 60 of 100) from at least 5 calls in the last 30s
    ///                  10 calls in flight for longer than 30s
    ///   stays open     5s, 2 times as long at each reopening, up to 60s; up to 60s if the dependency sends Retry-After
    ///   closes at      2 of 3 probes succeeded, each within 10s
    ///   dropped calls  count as failed after 1s
    /// "
    /// );
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn explain(&self) -> BreakerExplain {
        let now = self.now();
        let snapshot = {
            let mut circuit = self.lock();
            let counts = self.fast_path().snapshot(&mut circuit);
            let mut snapshot = circuit.snapshot(now);
            snapshot.stats = counts.add_to(snapshot.stats);
            self.fast_path().publish(&circuit);
            snapshot
        };
        BreakerExplain { name: self.name().into(), snapshot }
    }
}

/// What a breaker does and why, at one moment; made by [`Breaker::explain`].
#[derive(Clone, Debug)]
pub struct BreakerExplain {
    name: Arc<str>,
    snapshot: Snapshot,
}

impl Display for BreakerExplain {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { name, snapshot } = self;
        let Snapshot { settings, stats, .. } = snapshot;
        write!(f, "{name}: {} for {:.1?}", spelled(snapshot.state), time(snapshot.age))?;
        if let Some(trip) = &snapshot.trip {
            write!(f, ": {}", trip.reason)?;
        }
        f.write_str(if snapshot.shadow { " (shadow mode: refuses no calls)\n" } else { "\n" })?;
        let cause = snapshot.trip.as_ref().and_then(|trip| trip.cause.as_ref());
        if let Some(cause) = snapshot.last_failure.as_ref().or(cause) {
            line(f, "last failure", &CauseChain(cause))?;
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
                None => line(f, WindowName(*window), &counts)?,
            }
        }
        let totals = format_args!(
            "{} admitted, {} of them in flight, {} refused, {}",
            Plural(stats.admitted, "call"),
            stats.in_flight(),
            stats.rejected,
            Plural(stats.transitions, "state change")
        );
        line(f, "in total", &totals)?;
        for (n, check) in settings.checks.iter().enumerate() {
            line(f, if n == 0 { "opens at" } else { "" }, &Rule(check, settings))?;
        }
        if settings.checks.is_empty() {
            line(f, "opens at", &"no rule")?;
        }
        line(f, "stays open", &Wait(&settings.open_wait))?;
        line(f, "closes at", &Closing(settings))?;
        if let Some(limit) = settings.slow_call {
            line(f, "slow calls", &format_args!("take longer than {:?}", time(limit)))?;
        }
        match settings.source.abandon_after_or_default() {
            Duration::MAX => line(f, "dropped calls", &"never count as failed"),
            wait => line(f, "dropped calls", &format_args!("count as failed after {wait:?}")),
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

/// A failure and the chain of its sources, as far as the breaker could keep it.
struct CauseChain<'e>(&'e Cause);

impl Display for CauseChain<'_> {
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

/// What happens next to a circuit that refuses calls.
enum Next {
    HalfOpen { remaining: Nanos, probes: u32 },
    FleetProbes { remaining: Nanos },
    Decision(RoundView),
    Ramp(RampView),
    Order,
}

impl Next {
    fn of(snapshot: &Snapshot) -> Option<Self> {
        if let Some(ramp) = snapshot.ramp {
            return Some(Self::Ramp(ramp));
        }
        match (snapshot.state, snapshot.remaining, snapshot.round) {
            (_, Some(remaining), _) if snapshot.opened_by_fleet => Some(Self::FleetProbes { remaining }),
            (_, Some(remaining), _) => {
                Some(Self::HalfOpen { remaining, probes: snapshot.settings.round.probes })
            }
            (_, _, Some(round)) => Some(Self::Decision(round)),
            (State::ForcedOpen | State::Disabled, ..) => Some(Self::Order),
            _ => None,
        }
    }
}

impl Display for Next {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match *self {
            Self::HalfOpen { remaining: 0, probes: number } => {
                write!(f, "half-open at the next call, with up to {}", probes(number))
            }
            Self::HalfOpen { remaining, probes: number } => {
                let remaining = time(remaining);
                write!(f, "half-open at the first call in {remaining:.1?}, with up to {}", probes(number))
            }
            Self::FleetProbes { remaining } => {
                write!(f, "probes granted by the fleet, in {:.1?} at the earliest", time(remaining))
            }
            Self::Decision(RoundView { settled, bad, in_flight, probes: number }) => {
                let (number, bad) = (probes(number), BadProbesText(bad));
                write!(f, "a decision by {number}: {settled} settled ({bad}), {in_flight} in flight")
            }
            Self::Ramp(RampView { percent, step_remaining, remaining }) => {
                let (step, all) = (time(step_remaining), time(remaining));
                write!(
                    f,
                    "recovering: admits {percent} % of calls for another {step:.1?}, and all calls in {all:.1?}"
                )
            }
            Self::Order => f.write_str("nothing until it is released or reset"),
        }
    }
}

/// `1 failed, 1 slow`.
struct BadProbesText(BadProbes);

impl Display for BadProbesText {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let BadProbes { failed, throttled, slow, expired } = self.0;
        write!(f, "{failed} failed")?;
        let others = [(throttled, "throttled"), (slow, "slow"), (expired, "timed out")];
        let mut others = others.into_iter().filter(|(count, _)| *count > 0);
        others.try_for_each(|(count, word)| write!(f, ", {count} {word}"))
    }
}

/// `last 30s`, or `last 100 calls`.
struct WindowName(Window);

impl Display for WindowName {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match (self.0.span(), self.0.capacity()) {
            (Some(span), _) => write!(f, "last {span:?}"),
            (_, Some(number)) => write!(f, "last {}", calls(number)),
            _ => f.write_str("calls"),
        }
    }
}

/// A number of things, with the plural of their name.
struct Plural(u64, &'static str);

impl Display for Plural {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(number, thing) = self;
        write!(f, "{number} {thing}{}", if *number == 1 { "" } else { "s" })
    }
}

fn calls(number: u32) -> Plural {
    Plural(number.into(), "call")
}

fn probes(number: u32) -> Plural {
    Plural(number.into(), "probe")
}

/// A rule by which the circuit opens.
struct Rule<'s>(&'s Check, &'s Settings);

impl Display for Rule<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match *self.0 {
            Check::Rate(RateCheck { measure, threshold, comparison, minimum, window, .. }) => {
                let measure = match measure {
                    Measure::Failed => "failed",
                    Measure::Slow => "slow",
                    Measure::Throttled => "throttled",
                };
                // 0.55 * 100.0 is 55.000 000 000 000 01: two decimals are enough.
                let percent = (threshold.rate() * 10_000.0).round() / 100.0;
                let (minimum, window) = (calls(minimum), WindowName(self.1.windows[window]));
                match comparison {
                    Comparison::Plain => {
                        write!(f, "{percent} % {measure} of at least {minimum} in the {window}")
                    }
                    Comparison::Evidence => write!(
                        f,
                        "evidence of more than {percent} % {measure} ({} of 20, {} of 100) from at least {minimum} in the {window}",
                        threshold.least_evident(20),
                        threshold.least_evident(100)
                    ),
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
struct Wait<'s>(&'s OpenWait);

impl Display for Wait<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let wait = self.0;
        write!(f, "{:?}, {} times as long at each reopening", wait.base, wait.multiplier)?;
        write!(f, ", up to {:?}", wait.longest())?;
        if wait.jitter > 0.0 {
            write!(f, ", ± {} %", (wait.jitter * 10_000.0).round() / 100.0)?;
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
            Some(needed) => write!(f, "{needed} of {number} succeeded")?,
            None => write!(f, "{number} below the failure rate and the slow rate")?,
        }
        write!(f, ", each within {:?}", self.0.source.probes.timeout)?;
        let Some(step) = self.0.source.ramp else { return Ok(()) };
        let [first, second, third] = STEPS;
        write!(f, "; then admits {first}, {second}, {third} and 100 % of calls, {step:?} each")
    }
}
