//! `Progress`: the state of a call after a failed attempt, for the rules of users.

use std::time::Duration;

use buttress_error::Class;

/// The state of a call after a failed attempt: the argument of a rule given to
/// [`stop_when`](crate::PolicyBuilder::stop_when).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Progress {
    /// The class of the failure.
    pub class: Class,
    /// The number of attempts so far, the first included.
    pub attempts: u32,
    /// The time since the call began. With a ratio budget or [`max_elapsed`](crate::PolicyBuilder::max_elapsed) the clock is
    /// read when the call begins; otherwise it is first read when the first attempt fails, and the time counts from there.
    pub elapsed: Duration,
    /// The time until the deadline, if there is one.
    pub remaining: Option<Duration>,
}
