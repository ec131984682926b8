//! What one call of the inner service does.

use std::any::Any;
use std::panic;
use std::time::Duration;

use buttress_error::Class;

use crate::TestError;

/// How long one wait of a scripted call takes, in paused time: a layer under test needs limits well above it.
pub const HOLD: Duration = Duration::from_millis(100);

/// What one call of [`Strict`](crate::Strict) does: it waits, then it ends.
#[derive(Clone, Debug)]
#[must_use]
pub struct Step {
    pub(crate) waits: u32,
    pub(crate) wait: Duration,
    pub(crate) end: End,
}

#[derive(Clone, Debug)]
pub(crate) enum End {
    Echo,
    Fail(TestError),
    PanicInPoll,
    PanicInCall,
    Never,
}

impl Step {
    const fn end(end: End) -> Self {
        Self { waits: 0, wait: HOLD, end }
    }

    /// Answers with the request, at the first poll.
    pub const fn ok() -> Self {
        Self::end(End::Echo)
    }

    /// Fails with an error of this class, or kind.
    pub fn fail(class: impl Into<Class>) -> Self {
        Self::end(End::Fail(class.into().into()))
    }

    /// Panics with [`Boom`] in a poll.
    pub const fn panic() -> Self {
        Self::end(End::PanicInPoll)
    }

    /// Panics with [`Boom`] in `call`.
    pub const fn panic_in_call() -> Self {
        Self::end(End::PanicInCall)
    }

    /// Never answers.
    pub const fn never() -> Self {
        Self::end(End::Never)
    }

    /// First it is pending `waits` times, [`HOLD`] each.
    pub const fn waits(mut self, waits: u32) -> Self {
        self.waits = waits;
        self.wait = HOLD;
        self
    }

    /// First it is pending once, for `wait`.
    pub const fn after(mut self, wait: Duration) -> Self {
        self.waits = 1;
        self.wait = wait;
        self
    }
}

/// The payload of a scripted panic. It does not run the panic hook, so tests stay quiet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Boom;

impl Boom {
    /// Is this what [`std::panic::catch_unwind`] caught?
    #[must_use]
    pub fn is(payload: &(dyn Any + Send)) -> bool {
        payload.is::<Self>()
    }

    pub(crate) fn raise() -> ! {
        panic::resume_unwind(Box::new(Self))
    }
}
