//! The targets: what each case may cost, most of them as a ratio to a peer in the same run.

use std::fmt::{self, Display};

use crate::case::{OURS, error_type};

/// The figures of one subject of a case.
pub(crate) struct Figures {
    pub(crate) case: String,
    pub(crate) subject: String,
    pub(crate) threads: usize,
    /// Nanoseconds a call, as one thread sees it.
    pub(crate) ns: f64,
    /// Without the bare work; none where no bare row is.
    pub(crate) net: Option<f64>,
    pub(crate) allocs: f64,
}

/// All figures of a run.
#[derive(Default)]
pub(crate) struct Run {
    pub(crate) figures: Vec<Figures>,
    /// Of futures: what of, whose, bytes.
    pub(crate) sizes: Vec<(String, String, usize)>,
}

impl Run {
    pub(crate) fn figures(&self, case: &str, subject: &str, threads: usize) -> Option<&Figures> {
        self.figures.iter().find(|one| one.case == case && one.subject == subject && one.threads == threads)
    }

    pub(crate) fn net(&self, case: &str, subject: &str) -> Option<f64> {
        self.figures(case, subject, 1)?.net
    }

    /// The first row of a peer in a case: `peer` is its name without a version. An error type is not part of it.
    pub(crate) fn peer(&self, case: &str, peer: &str) -> Option<&Figures> {
        self.figures.iter().find(|one| {
            one.case == case && one.subject.starts_with(peer) && error_type(&one.subject).is_empty()
        })
    }

    /// The throughput of two threads over that of one.
    pub(crate) fn scale(&self, case: &str, subject: &str) -> Option<f64> {
        let alone = self.figures(case, subject, 1)?;
        let both = self.figures(case, subject, 2)?;
        Some(2.0 * alone.ns / both.ns)
    }
}

/// What is required of a subject of ours.
pub(crate) struct Target {
    pub(crate) case: &'static str,
    /// `buttress`, or a variant of it; the name of a future for [`Limit::Bytes`].
    pub(crate) subject: &'static str,
    limit: Limit,
}

/// Peers by name, without a version; `tower ` is not `tower-resilience`.
enum Limit {
    /// At least this many times as fast as the peer.
    Faster(f64, &'static str),
    /// At most this many times the cost of the peer.
    AtMost(f64, &'static str),
    /// At most this many nanoseconds more than the peer.
    Over(f64, &'static str),
    /// At most this many nanoseconds.
    Ns(f64),
    /// At most this many allocations a call.
    Allocs(f64),
    /// At most 10 % more than in the other case.
    Flat(&'static str),
    /// At least this throughput of two threads over that of one.
    Scale(f64),
    /// At most this size of a future.
    Bytes(usize),
}

/// A target that was measured.
pub(crate) struct Verdict {
    target: &'static Target,
    measured: f64,
    /// How far the figure is from the target, as a factor: above 1 it was missed.
    miss: f64,
}

impl Verdict {
    /// Returns `true` if the target is of this subject.
    pub(crate) fn is_of(&self, subject: &str) -> bool {
        self.target.subject == subject
    }

    pub(crate) fn is_met(&self) -> bool {
        self.miss <= 1.0
    }

    /// `✓`, or `✗` and how far the figure is from the target.
    pub(crate) fn mark(&self) -> String {
        match self.target.limit {
            _ if self.is_met() => "✓".to_owned(),
            Limit::Allocs(_) => "✗".to_owned(),
            Limit::Faster(..) | Limit::Scale(_) => {
                format!("✗ {:.0} % below", 100.0 * (1.0 - 1.0 / self.miss))
            }
            _ => format!("✗ {:.0} % above", 100.0 * (self.miss - 1.0)),
        }
    }

    /// The requirement alone, such as `≥ 12 × tower-resilience`.
    pub(crate) fn requirement(&self) -> String {
        match self.target.limit {
            Limit::Faster(times, peer) => format!("≥ {times} × as fast as {}", peer.trim_end()),
            Limit::AtMost(times, peer) => format!("≤ {times} × {}", peer.trim_end()),
            Limit::Over(ns, peer) => format!("≤ {peer} + {ns} ns"),
            Limit::Ns(ns) => format!("≤ {ns} ns"),
            Limit::Allocs(count) => format!("≤ {count} allocations"),
            Limit::Flat(case) => format!("as `{case}`"),
            Limit::Scale(times) => format!("≥ {times} ×"),
            Limit::Bytes(bytes) => format!("≤ {bytes} bytes"),
        }
    }

    fn measured(&self) -> String {
        let value = self.measured;
        match self.target.limit {
            Limit::Faster(..) | Limit::AtMost(..) | Limit::Flat(_) | Limit::Scale(_) => {
                format!("{value:.2} ×")
            }
            Limit::Over(..) => format!("{value:+.1} ns"),
            Limit::Ns(_) => format!("{value:.0} ns"),
            Limit::Allocs(_) => format!("{value:.2}"),
            Limit::Bytes(_) => format!("{value:.0} bytes"),
        }
    }
}

/// Such as `buttress: ≥ 12 × as fast as tower-resilience: 9.10 × ✗ 24 % below`.
impl Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {} {}", self.target.subject, self.requirement(), self.measured(), self.mark())
    }
}

/// The verdicts of a case, in the order of the targets; those whose figures are missing are left out.
pub(crate) fn of_case<'a>(case: &'a str, run: &'a Run) -> impl Iterator<Item = Verdict> + 'a {
    TARGETS.iter().filter(move |target| target.case == case).filter_map(|target| judge(target, run))
}

/// All verdicts of a run, each with its case.
pub(crate) fn all(run: &Run) -> Vec<(&'static str, Verdict)> {
    TARGETS.iter().filter_map(|target| Some((target.case, judge(target, run)?))).collect()
}

fn judge(target: &'static Target, run: &Run) -> Option<Verdict> {
    let Target { case, subject, ref limit } = *target;
    let ours = || run.net(case, subject);
    // A net figure below that cannot be distinguished from noise.
    let peer = |name| Some(run.peer(case, name)?.net?.max(0.2));
    let (measured, miss) = match *limit {
        Limit::Faster(times, name) => {
            let measured = peer(name)? / ours()?.max(0.2);
            (measured, times / measured)
        }
        Limit::AtMost(times, name) => {
            let measured = ours()? / peer(name)?;
            (measured, measured / times)
        }
        Limit::Over(ns, name) => {
            let (ours, peer) = (ours()?, peer(name)?);
            (ours - peer, ours / (peer + ns))
        }
        Limit::Ns(ns) => {
            let measured = ours()?;
            (measured, measured / ns)
        }
        Limit::Allocs(count) => {
            // A buffer that grew once is not an allocation of each call.
            let measured = run.figures(case, subject, 1)?.allocs;
            (measured, if measured < count + 0.01 { 1.0 } else { 2.0 })
        }
        Limit::Flat(other) => {
            let measured = ours()? / run.net(other, subject)?;
            (measured, measured / 1.1)
        }
        Limit::Scale(times) => {
            let measured = run.scale(case, subject)?;
            (measured, times / measured)
        }
        Limit::Bytes(bytes) => {
            let measured = run.sizes.iter().find(|(of, whose, _)| of == subject && whose == OURS)?.2;
            (measured as f64, measured as f64 / bytes as f64)
        }
    };
    Some(Verdict { target, measured, miss })
}

const TR: &str = "tower-resilience";
const JS: &str = "json-subscriber";

const fn target(case: &'static str, subject: &'static str, limit: Limit) -> Target {
    Target { case, subject, limit }
}

const fn ours(case: &'static str, limit: Limit) -> Target {
    target(case, OURS, limit)
}

const fn cloned(case: &'static str) -> Target {
    target(case, "buttress/cloned", Limit::Scale(0.9))
}

/// Ratios wherever a peer does the same. The nanoseconds are those of a quiet 2-core machine whose clock read takes 21 ns.
static TARGETS: [Target; 69] = [
    ours("retry/no-budget", Limit::AtMost(2.0, "tower ")),
    ours("retry/no-budget", Limit::Allocs(0.0)),
    ours("retry/ratio-budget", Limit::AtMost(0.8, "tower ")),
    ours("retry/function", Limit::Over(2.0, "backon")),
    ours("retry/one-failure", Limit::Ns(120.0)),
    ours("retry/one-failure", Limit::Allocs(1.0)),
    ours("retry/function-one-failure", Limit::Ns(120.0)),
    ours("retry/function-one-failure", Limit::Allocs(1.0)),
    ours("breaker/count-100", Limit::Faster(12.0, TR)),
    ours("breaker/count-100", Limit::Allocs(0.0)),
    ours("breaker/count-10000", Limit::Flat("breaker/count-10")),
    ours("breaker/time-1000-live", Limit::Faster(22.0, TR)),
    ours("breaker/time-10000-live", Limit::Flat("breaker/time-10-live")),
    ours("breaker/open", Limit::Faster(4.0, TR)),
    ours("breaker/open", Limit::Allocs(1.0)),
    ours("breaker/keyed-10000", Limit::AtMost(0.57, "dashmap of tower-resilience")),
    ours("breaker-bare/consecutive", Limit::Faster(3.5, "failsafe")),
    ours("breaker-bare/count-100", Limit::Faster(2.2, "recloser")),
    ours("breaker-bare/time", Limit::Faster(2.5, "failsafe")),
    ours("breaker-bare/open", Limit::AtMost(1.5, "recloser")),
    target("breaker-bare/open", "buttress/admit", Limit::AtMost(1.5, "recloser")),
    ours("breaker-bare/keyed-10000", Limit::AtMost(1.9, "dashmap of recloser")),
    ours("timeout/ready", Limit::Faster(2.2, "tower ")),
    ours("timeout/ready", Limit::Allocs(0.0)),
    ours("timeout/pending", Limit::AtMost(1.05, "tower ")),
    ours("rate-limit", Limit::Allocs(0.0)),
    ours("rate-limit-bare", Limit::Over(10.0, "governor")),
    ours("stack", Limit::Faster(10.0, TR)),
    ours("stack", Limit::Allocs(0.0)),
    ours("client/ready", Limit::Faster(2.2, TR)),
    ours("client/ready", Limit::Allocs(0.0)),
    ours("client/http", Limit::AtMost(0.61, "tower-http")),
    ours("http/ids", Limit::AtMost(1.0, "tower-http")),
    ours("threads/retry", Limit::Scale(1.6)),
    cloned("threads/retry"),
    ours("threads/retry-ratio-budget", Limit::Scale(1.6)),
    cloned("threads/retry-ratio-budget"),
    ours("threads/breaker", Limit::Scale(1.6)),
    cloned("threads/breaker"),
    ours("threads/breaker-bare", Limit::Scale(1.6)),
    ours("threads/attempt-timeout", Limit::Scale(1.6)),
    cloned("threads/attempt-timeout"),
    ours("threads/deadline", Limit::Scale(1.6)),
    cloned("threads/deadline"),
    ours("threads/translate", Limit::Scale(1.6)),
    cloned("threads/translate"),
    ours("threads/http", Limit::Scale(1.6)),
    cloned("threads/http"),
    ours("threads/context", Limit::Scale(1.6)),
    cloned("threads/context"),
    ours("threads/log", Limit::Scale(1.6)),
    cloned("threads/log"),
    ours("threads/stack", Limit::Scale(1.6)),
    cloned("threads/stack"),
    ours("threads/client", Limit::Scale(1.6)),
    cloned("threads/client"),
    ours("log/no-span", Limit::Faster(4.5, "tracing-subscriber")),
    ours("log/1-span", Limit::Faster(4.8, JS)),
    ours("log/3-spans", Limit::Faster(5.2, JS)),
    ours("log/5-spans", Limit::Faster(5.0, JS)),
    ours("log/span-and-event", Limit::Faster(3.5, JS)),
    ours("log/error-chain", Limit::Faster(3.0, JS)),
    ours("log/init-no-span", Limit::Allocs(0.0)),
    ours("log-queue/1000-lines", Limit::Faster(1.4, "tracing-appender")),
    ours("context/scope-and-read", Limit::AtMost(1.4, "tokio")),
    ours("context/scope-and-read", Limit::Allocs(0.0)),
    ours("context/read", Limit::Ns(2.0)),
    ours("error/two-contexts", Limit::AtMost(0.7, "anyhow")),
    target("sizes", "client, `send`", Limit::Bytes(1_600)),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(case: &str, subject: &str, threads: usize, net: f64) -> Figures {
        let (case, subject) = (case.to_owned(), subject.to_owned());
        Figures { case, subject, threads, ns: net + 2.0, net: Some(net), allocs: 0.0 }
    }

    fn run(figures: Vec<Figures>) -> Run {
        Run { figures, sizes: vec![("client, `send`".to_owned(), OURS.to_owned(), 3_200)] }
    }

    fn lines(case: &str, run: &Run) -> Vec<String> {
        of_case(case, run).map(|verdict| verdict.to_string()).collect()
    }

    #[test]
    fn a_ratio_is_of_net_figures_and_says_by_how_much_it_was_missed() {
        let met = run(vec![
            figures("breaker/open", "buttress", 1, 20.0),
            figures("breaker/open", "tower-resilience 0.14", 1, 100.0),
        ]);
        assert_eq!(
            lines("breaker/open", &met),
            ["buttress: ≥ 4 × as fast as tower-resilience: 5.00 × ✓", "buttress: ≤ 1 allocations: 0.00 ✓",]
        );
        let missed = run(vec![
            figures("timeout/pending", "buttress", 1, 126.0),
            figures("timeout/pending", "tower-resilience 0.14", 1, 1.0),
            figures("timeout/pending", "tower 0.5/box", 1, 1.0),
            figures("timeout/pending", "tower 0.5", 1, 100.0),
        ]);
        assert_eq!(lines("timeout/pending", &missed), ["buttress: ≤ 1.05 × tower: 1.26 × ✗ 20 % above"]);
    }

    #[test]
    fn two_threads_are_compared_with_one_and_a_size_with_its_limit() {
        let run = run(vec![
            figures("threads/stack", "buttress", 1, 8.0),
            figures("threads/stack", "buttress", 2, 18.0),
        ]);
        assert_eq!(lines("threads/stack", &run), ["buttress: ≥ 1.6 ×: 1.00 × ✗ 38 % below"]);
        assert_eq!(lines("sizes", &run), ["client, `send`: ≤ 1600 bytes: 3200 bytes ✗ 100 % above"]);
    }

    #[test]
    fn a_target_without_its_figures_is_left_out() {
        assert_eq!(lines("breaker/open", &run(Vec::new())), [""; 0]);
    }
}
