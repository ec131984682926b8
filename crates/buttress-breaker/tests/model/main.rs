//! The breaker, through its public handle and under paused time, against a naive model: they agree at every step.

mod naive;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use buttress_breaker::{Breaker, BreakerBuilder, BreakerStats, OpenWait, Permit, Probes, TripRule, Window};
use buttress_error::{Class, Error, Kind};
use naive::{Call, Counts, Ending, Model, Order, Part, Settings, Span, TripReason};
use proptest::prelude::*;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn probes() -> Probes {
    Probes::new(naive::PROBES as u32).timeout(ms(naive::PROBE_TIMEOUT))
}

fn builder() -> BreakerBuilder {
    Breaker::builder("db")
        .open_wait(
            OpenWait::new(ms(naive::OPEN_FOR))
                .max(ms(naive::OPEN_MAX))
                .jitter(0.0)
                .max_retry_after(ms(naive::MAX_RETRY_AFTER)),
        )
        .probes(probes())
        .abandon_after(ms(naive::ABANDON_AFTER))
}

/// A breaker's settings, in both languages.
#[derive(Debug)]
struct Setup {
    ours: BreakerBuilder,
    naive: Settings,
}

fn setups() -> Vec<Setup> {
    let time = Span::Time { bucket: 20, buckets: 5 };
    let few = Span::Count(6);
    let rate = |part, threshold, minimum, span| TripReason::Rate { part, threshold, minimum, span };
    let evidence = |threshold, minimum, span| TripReason::Evidence { threshold, minimum, span };
    let streak = |limit| TripReason::Streak { limit };
    let within = |failures, time| TripReason::FailuresWithin { failures, time };
    let long = || builder().window(Window::time_buckets(ms(100), 5));
    let bare = || long().failure_rate(None).consecutive_failures(None);
    // Two of three probes close, by default and where the rate is 60 %.
    let naive = |shown, rules| Settings { shown, rules, slow: None, needed: 2, ramp: None };
    vec![
        // The default rules with other numbers.
        Setup {
            ours: long().consecutive_failures(8),
            naive: naive(Some(time), vec![evidence(0.5, 5, time), streak(8)]),
        },
        // Plain rates, as a user sets them, and all probes.
        Setup {
            ours: builder()
                .window(Window::count(6))
                .minimum_calls(4)
                .consecutive_failures(3)
                .probes(probes().to_close(3)),
            naive: Settings {
                needed: 3,
                ..naive(Some(few), vec![rate(Part::Failed, 0.5, 4, few), streak(3)])
            },
        },
        Setup { ours: builder().window(Window::consecutive(3)), naive: naive(None, vec![streak(3)]) },
        Setup {
            ours: builder()
                .window(Window::count(5))
                .failure_rate(0.5)
                .slow_call(ms(6))
                .trip_when(TripRule::throttle_rate(0.4).over(Window::count(5)))
                .consecutive_failures(None),
            naive: Settings {
                slow: Some(6),
                ..naive(
                    Some(Span::Count(5)),
                    vec![
                        rate(Part::Failed, 0.5, 5, Span::Count(5)),
                        rate(Part::Slow, 0.5, 5, Span::Count(5)),
                        rate(Part::Throttled, 0.4, 5, Span::Count(5)),
                    ],
                )
            },
        },
        // Windows of several kinds at once, the one that is shown without a rule.
        Setup {
            ours: bare()
                .trip_when(TripRule::failure_rate(0.8).over(Window::count(6)))
                .trip_when(TripRule::failure_rate(0.4).over(Window::time_buckets(ms(60), 3)).minimum_calls(9))
                .trip_when(TripRule::throttle_rate(0.7).over(Window::count(6)).minimum_calls(3))
                .trip_when(TripRule::failures_in_a_row(5)),
            naive: naive(
                Some(time),
                vec![
                    rate(Part::Failed, 0.8, 6, few),
                    rate(Part::Failed, 0.4, 9, Span::Time { bucket: 20, buckets: 3 }),
                    rate(Part::Throttled, 0.7, 3, few),
                    streak(5),
                ],
            ),
        },
        // The same with calls that may be stuck.
        Setup {
            ours: long()
                .minimum_calls(8)
                .consecutive_failures(4)
                .trip_when(TripRule::stuck(2, ms(12)).or(TripRule::stuck(1, ms(25)))),
            naive: naive(
                Some(time),
                vec![
                    rate(Part::Failed, 0.5, 8, time),
                    streak(4),
                    TripReason::Stuck { calls: 2, age: 12 },
                    TripReason::Stuck { calls: 1, age: 25 },
                ],
            ),
        },
        // One that takes its load back step by step.
        Setup {
            ours: long().minimum_calls(4).failure_rate(0.6).consecutive_failures(None).ramp(ms(35)),
            naive: Settings { ramp: Some(35), ..naive(Some(time), vec![rate(Part::Failed, 0.6, 4, time)]) },
        },
        // Evidence of a low rate, of a window too small for any, and failures within a time.
        Setup {
            ours: bare().trip_when(
                TripRule::evidence(0.2)
                    .over(Window::count(30))
                    .or(TripRule::evidence(0.5).over(Window::count(3)))
                    .or(TripRule::failures_within(3, ms(7)))
                    .or(TripRule::failures_within(5, ms(60))),
            ),
            naive: naive(
                Some(time),
                vec![
                    evidence(0.2, 5, Span::Count(30)),
                    evidence(0.5, 3, Span::Count(3)),
                    within(3, 7),
                    within(5, 60),
                ],
            ),
        },
        // Failures within a time alone, in a busy circuit.
        Setup {
            ours: bare().trip_when(TripRule::failures_within(9, ms(40))),
            naive: naive(Some(time), vec![within(9, 40)]),
        },
    ]
}

#[derive(Clone, Debug)]
enum Step {
    Pause(u64),
    Admit,
    /// A call that ends at once, successful or not, by the way that needs no permit.
    Whole(bool),
    /// Settles one of the calls in flight: the number picks it.
    Settle(usize, Ending),
    Order(Order),
    /// Compares all counts. (Looking moves the window on, so it isn't done at every step.)
    Look,
}

fn step() -> impl Strategy<Value = Step> {
    let pause = prop_oneof![8 => 0_u64..6, 3 => 6_u64..30, 1 => 30_u64..200];
    let ending = prop_oneof![
        6 => Just(Ending::Success),
        5 => Just(Ending::Failure { retry_after: 0 }),
        1 => (0_u64..50).prop_map(|retry_after| Ending::Failure { retry_after }),
        2 => Just(Ending::Throttle),
        1 => Just(Ending::Neutral),
        2 => Just(Ending::Dropped),
        1 => Just(Ending::Panic),
    ];
    let order = prop::sample::select(vec![
        Order::ForceOpen,
        Order::Disable,
        Order::Shadow,
        Order::Release,
        Order::Release,
        Order::Reset,
    ]);
    prop_oneof![
        20 => pause.prop_map(Step::Pause),
        30 => Just(Step::Admit),
        30 => any::<bool>().prop_map(Step::Whole),
        40 => (any::<usize>(), ending).prop_map(|(pick, ending)| Step::Settle(pick, ending)),
        3 => order.prop_map(Step::Order),
        10 => Just(Step::Look),
    ]
}

fn settle(permit: Permit, ending: Ending) {
    match ending {
        Ending::Success => permit.success(),
        Ending::Failure { retry_after } => {
            permit.failure(Class::new(Kind::Unavailable).retry_after(ms(retry_after)));
        }
        Ending::Throttle => permit.failure(Kind::Throttled),
        Ending::Neutral => permit.neutral(),
        Ending::Dropped => drop(permit),
        Ending::Panic => {
            let call = AssertUnwindSafe(|| {
                let _permit = permit;
                resume_unwind(Box::new("on purpose"));
            });
            drop(catch_unwind(call));
        }
    }
}

fn obey(breaker: &Breaker, order: Order) {
    match order {
        Order::ForceOpen => breaker.force_open(),
        Order::Disable => breaker.disable(),
        Order::Shadow => breaker.shadow(),
        Order::Release => breaker.release(),
        Order::Reset => breaker.reset(),
    }
}

fn counts(stats: &BreakerStats) -> Counts {
    let BreakerStats { admitted, rejected, shadowed, succeeded, failed, throttled, .. } = *stats;
    let BreakerStats { neutral, late, slow, abandoned, expired, transitions, .. } = *stats;
    Counts {
        admitted,
        rejected,
        shadowed,
        succeeded,
        failed,
        throttled,
        neutral,
        late,
        slow,
        abandoned,
        expired,
        transitions,
    }
}

/// A breaker and its model, side by side.
struct Pair {
    ours: Breaker,
    naive: Model,
    in_flight: Vec<(Permit, Call)>,
    now: u64,
    calls: usize,
}

impl Pair {
    fn new(setup: Setup) -> Self {
        let ours = setup.ours.build().expect("good settings");
        Self { ours, naive: Model::new(setup.naive), in_flight: Vec::new(), now: 0, calls: 0 }
    }

    async fn take(&mut self, step: &Step) -> Result<(), TestCaseError> {
        self.calls += 1;
        match *step {
            Step::Pause(time) => {
                tokio::time::advance(ms(time)).await;
                self.now += time;
            }
            Step::Admit => {
                let (ours, naive) = (self.ours.admit(), self.naive.admit(self.calls, self.now));
                prop_assert_eq!(ours.is_ok(), naive.is_some());
                self.in_flight.extend(ours.ok().zip(naive));
            }
            Step::Whole(good) => {
                let made = std::cell::Cell::new(false);
                let outcome = self.ours.call_blocking(|| {
                    made.set(true);
                    if good { Ok(()) } else { Err(Error::new(Kind::Unavailable, "on purpose")) }
                });
                prop_assert_eq!(outcome.is_ok(), good && made.get());
                let naive = self.naive.admit(self.calls, self.now);
                prop_assert_eq!(made.get(), naive.is_some());
                let ending = if good { Ending::Success } else { Ending::Failure { retry_after: 0 } };
                naive.into_iter().for_each(|call| self.naive.settle(call, ending, self.now));
            }
            Step::Settle(_, _) if self.in_flight.is_empty() => {}
            Step::Settle(pick, ending) => {
                let (permit, call) = self.in_flight.swap_remove(pick % self.in_flight.len());
                settle(permit, ending);
                self.naive.settle(call, ending, self.now);
            }
            Step::Order(order) => {
                obey(&self.ours, order);
                self.naive.obey(order, self.now);
            }
            Step::Look => self.look()?,
        }
        prop_assert_eq!(self.ours.state().as_str(), self.naive.state());
        Ok(())
    }

    fn look(&mut self) -> Result<(), TestCaseError> {
        let stats = self.ours.stats();
        let window = stats.window;
        if let Some(tally) = self.naive.look(self.now) {
            prop_assert_eq!((window.total, window.failed, window.slow, window.throttled), tally);
        }
        prop_assert_eq!(counts(&stats), self.naive.counts);
        Ok(())
    }
}

/// Without a runtime of its own for each, a case would see the time of the one before it.
fn run(setup: usize, steps: &[Step]) -> Result<(), TestCaseError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(async {
        let mut pair = Pair::new(setups().swap_remove(setup));
        for (n, step) in steps.iter().enumerate() {
            let blame = |error: TestCaseError| match error {
                TestCaseError::Fail(why) => TestCaseError::fail(format!("step {n}, {step:?}: {why}")),
                reject => reject,
            };
            pair.take(step).await.map_err(blame)?;
        }
        pair.look()?;
        pair.in_flight.clear();
        prop_assert_eq!(pair.ours.stats().in_flight(), 0);
        Ok(())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 20_000, ..ProptestConfig::with_cases(800) })]

    /// [S1] [S2] [S19] [S20] [S21] [S22] [S23] [S24] [S25] [S26] whatever the order of admissions, results, drops, panics, orders
    /// and pauses: the breaker decides and counts as a model does that keeps every outcome; for windows of time, of
    /// calls and of failures in a row, for evidence, and for several rules at once.
    #[test]
    fn agrees_with_the_model(setup in 0..setups().len(), steps in prop::collection::vec(step(), 0..300)) {
        run(setup, &steps)?;
    }
}
