//! The results: everything that is seen of a run, by whoever draws it.

use std::borrow::Cow;
use std::future::Future;
use std::sync::Arc;

use buttress::http::BadStatus;
use buttress::{Error, Kind, Rejection};
use reqwest::Response;
use tokio::time::Instant;

use crate::bare;
use crate::call_records::{Call, CallRecords, Ending};
use crate::circuit_history::CircuitHistory;
use crate::schedule::Schedule;

pub struct Results {
    pub schedule: Arc<Schedule>,
    pub stack: CallRecords,
    pub naive: CallRecords,
    pub circuit: CircuitHistory,
    /// The third client: as `stack`, with a plain failure rate.
    pub rate: CallRecords,
    pub rate_circuit: CircuitHistory,
}

impl Results {
    pub fn new(schedule: Arc<Schedule>) -> Self {
        Self {
            schedule,
            stack: CallRecords::default(),
            naive: CallRecords::default(),
            circuit: CircuitHistory::default(),
            rate: CallRecords::default(),
            rate_circuit: CircuitHistory::default(),
        }
    }

    /// Makes one call and puts it on the records.
    pub async fn call<E>(&self, records: &CallRecords, call: impl Future<Output = Result<Response, E>>)
    where
        Ending: From<E>,
    {
        let (phase, began) = (self.schedule.now(), Instant::now());
        let (reply, attempts) = bare::watch(call).await;
        let took = began.elapsed();
        let ending = match reply {
            Ok(reply) => read(reply).await,
            Err(error) => error.into(),
        };
        records.add(Call { phase, ended: self.schedule.age(), took, attempts, ending });
    }
}

/// Reads a body to its end, if that isn't too far away: the connection can then be used again.
async fn read(mut reply: Response) -> Ending {
    let mut length = 0;
    while length < 64 * 1024 {
        match reply.chunk().await {
            Ok(Some(chunk)) => length += chunk.len(),
            Ok(None) => break,
            Err(_) => return Ending::Failed("body".into()),
        }
    }
    Ending::Served
}

/// The stack's errors tell what happened, and why there was no further attempt.
impl From<Error> for Ending {
    fn from(error: Error) -> Self {
        let what = match (error.find::<Rejection>(), error.find::<BadStatus>()) {
            (Some(rejection), _) if error.kind() == Kind::Rejected => {
                return Self::Refused(rejection.reason().as_str());
            }
            (Some(rejection), _) => rejection.reason().to_string(),
            (_, Some(answer)) => format!("status {}", answer.status().as_u16()),
            _ => error.kind().to_string(),
        };
        Self::Failed(match error.retry_summary() {
            Some(effort) => format!("{what} (stopped by: {})", effort.stopped).into(),
            None => what.into(),
        })
    }
}

impl From<Cow<'static, str>> for Ending {
    fn from(error: Cow<'static, str>) -> Self {
        Self::Failed(error)
    }
}
