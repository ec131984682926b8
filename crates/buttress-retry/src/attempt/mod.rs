//! The attempts of one call: the part that the service, the function and the blocking form share.

mod call;
mod driver;
mod earlier;
mod history;
mod last_failure;
mod nested;
mod request;
mod retrying;

pub(crate) use call::{Call, CallStart, Next, start};
pub(crate) use nested::{InnerExhausted, enter, leave};
pub(crate) use request::RequestInfo;
pub(crate) use retrying::{Attempts, Retrying};
