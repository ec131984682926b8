//! `State`: the state of a circuit.

use std::fmt;

/// The state of a circuit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// Calls are admitted and judged. A [ramp](crate::BreakerBuilder::ramp) may still refuse some.
    Closed,
    /// Calls are refused until the wait is over.
    Open,
    /// A few probes are admitted, and all other calls refused.
    HalfOpen,
    /// Calls are refused until someone [releases](crate::Breaker::release) the circuit.
    ForcedOpen,
    /// Calls are admitted and counted, and the circuit never opens.
    Disabled,
}

impl State {
    /// Returns its fixed spelling in logs and labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
            Self::ForcedOpen => "forced_open",
            Self::Disabled => "disabled",
        }
    }

    /// Returns `true` if calls are admitted and judged.
    #[must_use]
    pub const fn is_closed(self) -> bool {
        matches!(self, Self::Closed)
    }

    /// Returns `true` if calls are refused, by the circuit's own decision or by force.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Open | Self::ForcedOpen)
    }

    /// Returns `true` if only probes are admitted.
    #[must_use]
    pub const fn is_half_open(self) -> bool {
        matches!(self, Self::HalfOpen)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
