//! Takes the figures: all subjects of a case in turn, batch by batch.
//!
//! The speed of a machine drifts over seconds. If subjects were measured one after the other, each would run at another
//! speed. In turn (A B C A B C …), the batches that are compared are milliseconds apart.
#![expect(clippy::disallowed_types, reason = "wall time is what is measured here; no test pauses it")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::allocs;
use crate::case::{BARE, Case, Subject, Work, error_type};
use crate::targets::Figures;

/// How long to measure.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    /// Least length of a batch.
    batch: Duration,
    batches: usize,
}

impl Plan {
    pub(crate) const FULL: Self = Self { batch: Duration::from_millis(2), batches: 50 };
    pub(crate) const QUICK: Self = Self { batch: Duration::from_micros(500), batches: 10 };
}

/// The figures of one subject; times are nanoseconds a call, as one thread sees it.
pub(crate) struct Measurement {
    pub(crate) case: &'static str,
    pub(crate) subject: String,
    pub(crate) ns_median: f64,
    pub(crate) ns_min: f64,
    /// The median of the differences between a batch and the bare batch of its round. None without a bare row.
    pub(crate) ns_net: Option<f64>,
    /// Of one call on one thread.
    pub(crate) allocs: f64,
    pub(crate) bytes: f64,
    pub(crate) threads: usize,
}

impl Measurement {
    pub(crate) fn figures(&self) -> Figures {
        Figures {
            case: self.case.to_owned(),
            subject: self.subject.clone(),
            threads: self.threads,
            ns: self.ns_median,
            net: self.ns_net,
            allocs: self.allocs,
        }
    }
}

/// Measures the subjects of `case`: all, or `only` those of one name.
pub(crate) fn case(case: &Case, only: Option<&str>, plan: Plan) -> Vec<Measurement> {
    let mut subjects = case.wanted(only);
    let calls = subjects.iter_mut().map(|subject| calibrate(subject, plan.batch)).collect::<Vec<_>>();

    let mut batches = vec![Vec::with_capacity(plan.batches); subjects.len()];
    for _ in 0..plan.batches {
        for ((subject, calls), batches) in subjects.iter_mut().zip(&calls).zip(&mut batches) {
            batches.push(time(&mut subject.work, *calls).as_nanos() as f64 / *calls as f64);
        }
    }

    let bares = subjects
        .iter()
        .map(|subject| bare(&subject.name, &subjects.iter().map(|subject| subject.name.as_str())))
        .collect::<Vec<_>>();
    subjects
        .iter_mut()
        .zip(bares)
        .zip(&batches)
        .map(|((subject, bare), ns)| {
            let (allocs, bytes) = allocs::per_call(&mut subject.work[0]);
            Measurement {
                case: case.name,
                subject: subject.name.clone(),
                ns_median: median(ns.iter().copied()),
                ns_min: ns.iter().copied().fold(f64::INFINITY, f64::min),
                ns_net: bare.map(|bare| median(ns.iter().zip(&batches[bare]).map(|(ns, bare)| ns - bare))),
                allocs,
                bytes,
                threads: subject.threads(),
            }
        })
        .collect()
}

/// The place of the bare row that `subject` is compared with: that of its error type, else the plain one.
fn bare<'a>(subject: &str, names: &(impl Iterator<Item = &'a str> + Clone)) -> Option<usize> {
    let own = format!("{BARE}{}", error_type(subject));
    let place = |wanted: &str| names.clone().position(|name| name == wanted);
    place(&own).or_else(|| place(BARE))
}

/// Finds the number of calls that fills a batch, and warms the subject up.
fn calibrate(subject: &mut Subject, batch: Duration) -> u64 {
    let mut calls = 1;
    loop {
        let took = time(&mut subject.work, calls);
        if took >= batch {
            return calls;
        }
        // A tenth more than needed, so that the next try is the last; the first tries are too short to tell.
        let missing = 1.1 * batch.as_nanos() as f64 / took.as_nanos().max(1) as f64;
        calls = (calls as f64 * missing.clamp(1.1, 8.0)).ceil() as u64;
    }
}

/// From the first thread's start to the last one's end.
fn time(work: &mut [Work], calls: u64) -> Duration {
    if let [alone] = work {
        let start = Instant::now();
        alone(calls);
        return start.elapsed();
    }
    let cores = core_affinity::get_core_ids().unwrap_or_default();
    let timers = tokio::runtime::Handle::try_current().ok();
    let missing = AtomicUsize::new(work.len());
    let spans = thread::scope(|scope| {
        let run = |(index, work): (usize, &mut Work)| {
            if let Some(core) = cores.get(index) {
                core_affinity::set_for_current(*core);
            }
            let _timers = timers.as_ref().map(tokio::runtime::Handle::enter);
            // A std barrier wakes its threads one after the other, tens of microseconds apart.
            missing.fetch_sub(1, Ordering::SeqCst);
            while missing.load(Ordering::SeqCst) > 0 {
                thread::yield_now();
            }
            let start = Instant::now();
            work(calls);
            (start, Instant::now())
        };
        let threads =
            work.iter_mut().enumerate().map(|one| scope.spawn(move || run(one))).collect::<Vec<_>>();
        threads.into_iter().map(|thread| thread.join().expect("the work ended well")).collect::<Vec<_>>()
    });
    let start = spans.iter().map(|span| span.0).min();
    let end = spans.iter().map(|span| span.1).max();
    end.zip(start).map(|(end, start)| end - start).unwrap_or_default()
}

/// The middle value; the mean of the two in the middle of an even number.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values = values.collect::<Vec<_>>();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_of_odd_and_even() {
        assert_eq!(median([9.0, 1.0, 2.0].into_iter()), 2.0);
        assert_eq!(median([9.0, 1.0, 2.0, 4.0].into_iter()), 3.0);
    }

    #[test]
    fn every_thread_does_its_own_calls() {
        let counts = [const { AtomicUsize::new(0) }; 2];
        let counts: &'static [AtomicUsize; 2] = Box::leak(Box::new(counts));
        let next = AtomicUsize::new(0);
        let mut subject = Subject::pair("two", || {
            let mine = &counts[next.fetch_add(1, Ordering::SeqCst)];
            move |n| {
                mine.fetch_add(n as usize, Ordering::SeqCst);
            }
        });
        time(&mut subject.work, 7);
        assert_eq!(counts.each_ref().map(|count| count.load(Ordering::SeqCst)), [7, 7]);
    }

    #[test]
    fn a_row_is_compared_with_the_bare_row_of_its_error_type() {
        let place = |subject: &str, names: &[&str]| bare(subject, &names.iter().copied());
        let all = ["bare", "buttress", "bare/box", "buttress/box"];
        assert_eq!(place("buttress/box", &all), Some(2));
        assert_eq!(place("buttress/named/box", &all), Some(2));
        assert_eq!(place("buttress/named", &all), Some(0));
        assert_eq!(place("buttress/error", &all), Some(0), "there is no bare row of that type");
        assert_eq!(place("buttress", &["buttress"]), None);
    }

    #[test]
    fn a_batch_is_long_enough() {
        let mut subject = Subject::new("spin", |n| {
            for call in 0..n {
                std::hint::black_box(call);
            }
        });
        let calls = calibrate(&mut subject, Duration::from_micros(200));
        assert!(calls > 1_000, "{calls} calls can't take 200 µs");
    }
}
