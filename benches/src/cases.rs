//! Every case, in the order of the report; one file per subject matter. Rows: bare, ours, the peers.

mod breaker;
mod breaker_bare;
mod bulkhead;
mod call_log;
mod client;
mod context;
mod error;
mod keyed;
mod log;
mod retry;
mod retry_function;
mod retry_http;
mod stack;
mod threads;
mod timeout;
mod translate;

use crate::case::{BARE, Case, Subject};
use crate::drive::{Ends, calls};
use crate::service;

pub(crate) fn all() -> Vec<Case> {
    let mut all = vec![Case { name: "bare", subjects: || vec![bare()] }];
    all.extend(retry::CASES);
    all.extend(retry_function::CASES);
    all.extend(retry_http::CASES);
    all.extend(breaker::CASES);
    all.extend(breaker_bare::CASES);
    all.extend(timeout::CASES);
    all.extend(bulkhead::CASES);
    all.extend(translate::CASES);
    all.extend(stack::CASES);
    all.extend(client::CASES);
    all.extend(threads::CASES);
    all.extend(log::CASES);
    all.extend(call_log::CASES);
    all.extend(context::CASES);
    all.extend(error::CASES);
    all.extend(keyed::CASES);
    all
}

/// The prompt service without any layer.
fn bare() -> Subject {
    Subject::new(BARE, calls(service::prompt(), Ends::Well))
}
