//! Every case, in the order of the report; one file per subject matter. Rows: bare, ours, the peers.

pub(crate) mod breaker;
mod breaker_bare;
mod bulkhead;
mod call_log;
pub(crate) mod client;
mod context;
mod error;
pub(crate) mod http;
mod keyed;
mod log;
mod log_init;
mod log_queue;
mod rate_limit;
pub(crate) mod retry;
mod retry_failing;
mod retry_function;
mod retry_http;
pub(crate) mod stack;
mod threads;
pub(crate) mod timeout;
mod translate;

use crate::case::{BARE, Case, Subject, named, with_each_error};
use crate::drive::{Ends, calls};
use crate::service::{self, Failure};

pub(crate) fn all() -> Vec<Case> {
    let mut all = vec![Case { name: "bare", subjects: || with_each_error!(bare_row()) }];
    all.extend(retry::CASES);
    all.extend(retry_function::CASES);
    all.extend(retry_failing::CASES);
    all.extend(retry_http::CASES);
    all.extend(breaker::CASES);
    all.extend(breaker_bare::CASES);
    all.extend(timeout::CASES);
    all.extend(bulkhead::CASES);
    all.extend(rate_limit::CASES);
    all.extend(translate::CASES);
    all.extend(stack::CASES);
    all.extend(http::CASES);
    all.extend(client::CASES);
    all.extend(threads::CASES);
    all.extend(log::CASES);
    all.extend(log_queue::CASES);
    all.extend(call_log::CASES);
    all.extend(context::CASES);
    all.extend(error::CASES);
    all.extend(keyed::CASES);
    // Last: from there on the process has a global subscriber.
    all.extend(log_init::CASES);
    all
}

/// The prompt service without any layer.
fn bare<E: Failure>() -> Subject {
    Subject::new(named::<E>(BARE), calls(service::prompt::<E>(), Ends::Well))
}

fn bare_row<E: Failure>() -> Vec<Subject> {
    vec![bare::<E>()]
}
