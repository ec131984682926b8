//! The axes of the taxonomy: the values of each column of the table.

use std::fmt;

/// Defines an axis: an enum whose values have one fixed spelling in logs and on the wire.
macro_rules! axis {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $value:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum $name { $($(#[$doc])* $value),+ }

        impl $name {
            /// Returns its fixed spelling in logs, labels and on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$value => $text),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

axis! {
    /// Which work a retry has to repeat, if a retry can help.
    RetryAdvice {
        /// A retry cannot help.
        Never = "never",
        /// Retry this call, with backoff.
        Call = "call",
        /// Restart the read-modify-write or the transaction one level up.
        Operation = "operation",
        /// Retry after a remedy, such as refreshing a token or creating a directory.
        AfterRemedy = "after_remedy",
    }
}

axis! {
    /// Whether the dependency processed the request.
    Delivery {
        /// The dependency did no work: the request was not sent, or refused before processing, as by a throttle. It is safe to
        /// repeat, whatever the method.
        NotProcessed = "not_processed",
        /// Not known: the request is safe to repeat only if it is idempotent.
        Unknown = "unknown",
        /// The dependency answered.
        Processed = "processed",
    }
}

axis! {
    /// The party that has to change something.
    Fault {
        /// The caller.
        Caller = "caller",
        /// This program.
        Ourselves = "ourselves",
        /// The service that was called.
        Dependency = "dependency",
        /// The environment: disk, memory, the local network.
        Environment = "environment",
        /// The operator, who configures this program.
        Operator = "operator",
    }
}

axis! {
    /// How a circuit breaker counts an error of this kind.
    BreakerEffect {
        /// As a failed call.
        Failure = "failure",
        /// As a throttled call, which has a counter of its own.
        Throttle = "throttle",
        /// Not as a failure: as a success if the dependency answered, else as neutral.
        No = "no",
    }
}

axis! {
    /// The level at which a server logs a response with an error of this kind. Levels are ordered by severity.
    Level {
        /// Of interest while debugging.
        Debug = "DEBUG",
        /// Normal business.
        Info = "INFO",
        /// Needs attention soon.
        Warn = "WARN",
        /// Needs attention now.
        Error = "ERROR",
    }
}
