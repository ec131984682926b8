//! `retry.json`: operations through the function, through the layer and on a thread, and budgets by themselves.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use tokio::time::{Instant, sleep};
use tower::{Layer, ServiceExt, service_fn};

use crate::api::{self, Context, Error, Frame, Kind, Policy, Report, RetryLayer, Scope, StopReason, retry};
use crate::backoff::Backoff;
use crate::budget::{Ask, Budget};
use crate::clock::{Clock, skip, virtual_time};
use crate::suite::{Area, Outcome, Step, at_least_one, each_way, hold, same, words};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    config: Config,
    #[serde(deserialize_with = "at_least_one")]
    steps: Vec<Step<Action>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Config {
    Operations(Operations),
    Budget(BudgetOnly),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Operations {
    max_attempts: u32,
    backoff: Backoff,
    deadline_ms: Option<u64>,
    max_retry_after_ms: Option<u64>,
    retry_after_slack_ms: Option<u64>,
    budget: Option<Budget>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BudgetOnly {
    budget: Budget,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Action {
    Operate(Operate),
    Ask(Ask),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Operate {
    at_ms: u64,
    #[serde(deserialize_with = "at_least_one")]
    script: Vec<Attempt>,
    expect: Expect,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Attempt {
    outcome: Word,
    #[serde(default)]
    took_ms: u64,
    retry_after_ms: Option<u64>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Word {
    Ok,
    Transient,
    Timeout,
    Throttled,
    Permanent,
    Cancelled,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    attempts: u32,
    sleeps_ms: Vec<u64>,
    result: Word,
    ended_by: End,
    tokens: Option<u32>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum End {
    Success,
    NotRetryable,
    Attempts,
    Deadline,
    Budget,
}

/// The ways to the same policy.
#[derive(Clone, Copy, Debug)]
enum Way {
    Function,
    Layer,
    Thread,
}

impl Area for Case {
    const NAME: &'static str = "retry";

    fn run(self) -> Outcome {
        match &self.config {
            Config::Operations(config) => {
                let run = |way| virtual_time(operations(config, &self.steps, way));
                each_way(&[Way::Function, Way::Layer, Way::Thread], run)
            }
            Config::Budget(BudgetOnly { budget }) => virtual_time(asks(budget, &self.steps)),
        }
    }
}

async fn operations(config: &Operations, steps: &[Step<Action>], way: Way) -> Outcome {
    let budget = config.budget.as_ref().map(Budget::build).transpose().map_err(words)?;
    let policy = config.policy(budget.clone())?;
    let clock = Clock::start();
    for (n, step) in steps.iter().enumerate() {
        let Action::Operate(operate) = &step.step else { return Err(step.blame(n)(words("no operation"))) };
        clock.reach(operate.at_ms).await.map_err(step.blame(n))?;
        let deadline = config.deadline_ms.map(Duration::from_millis);
        let tokens = || budget.as_ref().map(api::Budget::available);
        operate.run(&policy, deadline, tokens, way).await.map_err(step.blame(n))?;
    }
    Ok(())
}

async fn asks(budget: &Budget, steps: &[Step<Action>]) -> Outcome {
    let budget = budget.build().map_err(words)?;
    let clock = Clock::start();
    for (n, step) in steps.iter().enumerate() {
        let Action::Ask(ask) = &step.step else {
            return Err(step.blame(n)(words("an operation needs a policy")));
        };
        clock.reach(ask.at_ms()).await.and_then(|()| ask.run(&budget)).map_err(step.blame(n))?;
    }
    Ok(())
}

impl Operations {
    fn policy(&self, budget: Option<api::Budget>) -> Result<Policy, String> {
        let ms = Duration::from_millis;
        let mut policy = Policy::exponential()
            .max_attempts(self.max_attempts)
            .backoff(self.backoff.build())
            .max_retry_after(self.max_retry_after_ms.map_or(Duration::MAX, ms));
        if let Some(slack) = self.retry_after_slack_ms {
            policy = policy.retry_after_slack(ms(slack));
        }
        let policy = match budget {
            Some(budget) => policy.budget(budget),
            None => policy.no_budget(),
        };
        policy.build().map_err(words)
    }
}

impl Operate {
    async fn run(
        &self,
        policy: &Policy,
        deadline: Option<Duration>,
        tokens: impl Fn() -> Option<u32>,
        way: Way,
    ) -> Outcome {
        let stage = Arc::new(Stage { script: self.script.clone(), times: Mutex::default() });
        let context = Context::current();
        let context = deadline.map_or(context.clone(), |deadline| context.with_timeout(deadline));
        let call = async {
            match way {
                Way::Function => retry(policy, || play(Arc::clone(&stage))).await,
                Way::Layer => {
                    let layer = RetryLayer::new(policy.clone()).assume_idempotent();
                    layer.layer(service_fn(play)).oneshot(Arc::clone(&stage)).await
                }
                Way::Thread => policy.blocking().sleep_with(skip).run(|| play_at_once(&stage)),
            }
        };
        let mut scope = pin!(Scope::new(Frame::boundary(context), call));
        let result = scope.as_mut().await;
        self.expect.hold(&stage, &result, &scope.frame().report, tokens())
    }
}

/// Where a script is played: what each attempt does, and when each began and ended.
#[derive(Debug)]
struct Stage {
    script: Vec<Attempt>,
    times: Mutex<Vec<(Instant, Instant)>>,
}

/// One attempt. Its answer, good or bad, is its number.
async fn play(stage: Arc<Stage>) -> Result<u32, Error> {
    let turn = stage.begin();
    if !turn.took.is_zero() {
        sleep(turn.took).await;
    }
    stage.end(turn)
}

/// The same for who doesn't wait.
fn play_at_once(stage: &Stage) -> Result<u32, Error> {
    let turn = stage.begin();
    skip(turn.took);
    stage.end(turn)
}

struct Turn {
    attempt: Attempt,
    began: Instant,
    took: Duration,
}

impl Stage {
    fn lock(&self) -> MutexGuard<'_, Vec<(Instant, Instant)>> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self) -> Turn {
        let attempt = self.script.get(self.lock().len()).or(self.script.last());
        let attempt = attempt.expect("a script has at least one attempt").clone();
        let took = Duration::from_millis(attempt.took_ms);
        Turn { attempt, began: Instant::now(), took }
    }

    fn end(&self, Turn { attempt, began, .. }: Turn) -> Result<u32, Error> {
        let mut times = self.lock();
        times.push((began, Instant::now()));
        let number = times.len() as u32;
        let Some(kind) = attempt.outcome.kind() else { return Ok(number) };
        let error = Error::new(kind, number.to_string());
        Err(match attempt.retry_after_ms {
            None => error,
            Some(hint) => error.retry_after(Duration::from_millis(hint)),
        })
    }
}

impl Expect {
    fn hold(
        &self,
        stage: &Stage,
        result: &Result<u32, Error>,
        report: &Report,
        tokens: Option<u32>,
    ) -> Outcome {
        let times = stage.lock();
        let sleeps: Vec<_> = times.windows(2).map(|pair| pair[1].0 - pair[0].1).collect();
        let expected: Vec<_> = self.sleeps_ms.iter().copied().map(Duration::from_millis).collect();
        same("attempts", &self.attempts, &(times.len() as u32))?;
        same("sleeps", &expected, &sleeps)?;

        let answer = result.as_ref().map_or_else(words, u32::to_string);
        same("the attempt whose outcome is the result", &self.attempts.to_string(), &answer)?;
        same("kind of the result", &self.result.kind(), &result.as_ref().err().map(Error::kind))?;

        // Nothing is reported of a call that needed no retry layer: its first attempt has succeeded.
        let (attempts, stopped) = match report.attempts {
            0 => (1, Some(StopReason::Success)),
            attempts => (attempts, report.stopped),
        };
        same("ended by", &Some(self.ended_by.stop()), &stopped)?;
        same("attempts in the report", &self.attempts, &attempts)?;
        same("time slept in the report", &expected.iter().sum(), &report.delay)?;
        if let Some(effort) = result.as_ref().err().and_then(Error::retry_summary) {
            same("ended by, in the error", &self.ended_by.stop(), &effort.stopped)?;
            same("attempts in the error", &self.attempts, &effort.attempts)?;
        }
        hold("tokens", &self.tokens.map(Some), &tokens)
    }
}

impl Word {
    /// None for a success.
    const fn kind(self) -> Option<Kind> {
        Some(match self {
            Self::Ok => return None,
            Self::Transient => Kind::Unavailable,
            Self::Timeout => Kind::Timeout,
            Self::Throttled => Kind::Throttled,
            Self::Permanent => Kind::InvalidArgument,
            Self::Cancelled => Kind::Cancelled,
        })
    }
}

impl End {
    const fn stop(self) -> StopReason {
        match self {
            Self::Success => StopReason::Success,
            Self::NotRetryable => StopReason::NotRetryable,
            Self::Attempts => StopReason::Attempts,
            Self::Deadline => StopReason::Deadline,
            Self::Budget => StopReason::Budget,
        }
    }
}
