//! The attempts of one call: what the service, the function and the blocking form have in common.

pub(crate) mod driver;
pub(crate) mod earlier;
pub(crate) mod last_failure;
pub(crate) mod nested;
