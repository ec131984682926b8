//! The axes of the taxonomy: what each column of the table may say.

use std::fmt;

/// Writes an axis as an enum whose values have one fixed spelling in logs and on the wire.
macro_rules! axis {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $value:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum $name { $($(#[$doc])* $value),+ }

        impl $name {
            /// Its fixed spelling in logs, labels and on the wire.
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
    /// Whether, and by whom, the work may be repeated.
    RetryAdvice {
        /// Repeating cannot help.
        Never = "never",
        /// Repeat this call, with backoff.
        Call = "call",
        /// Restart the read-modify-write or the transaction one level up.
        Operation = "operation",
        /// Something must be mended first: a token refreshed, a directory created.
        AfterRemedy = "after_remedy",
    }
}

axis! {
    /// What is known about the request's arrival at the other side.
    Delivery {
        /// It provably never reached the other side: safe to repeat, whatever the method.
        NotProcessed = "not_processed",
        /// Nobody knows: safe to repeat only when the request is idempotent.
        Unknown = "unknown",
        /// The other side answered.
        Processed = "processed",
    }
}

axis! {
    /// Who has to change something.
    Fault {
        /// Whoever made the request.
        Caller = "caller",
        /// This program.
        Ourselves = "ourselves",
        /// The service that was called.
        Dependency = "dependency",
        /// Disk, memory, the local network.
        Environment = "environment",
        /// Whoever configured this program.
        Operator = "operator",
    }
}

axis! {
    /// Does the failure count against the dependency in a circuit breaker?
    BreakerEffect {
        /// It counts as a failed call.
        Failure = "failure",
        /// It counts in a counter of its own.
        Throttle = "throttle",
        /// It does not: a success where the other side answered, else neutral.
        No = "no",
    }
}

axis! {
    /// The level at which a server logs an answer of this kind; also the order of severity.
    Level {
        /// Of interest while debugging.
        Debug = "DEBUG",
        /// Normal business.
        Info = "INFO",
        /// Somebody should look soon.
        Warn = "WARN",
        /// Somebody should look now.
        Error = "ERROR",
    }
}
