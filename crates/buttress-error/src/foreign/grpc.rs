//! The status codes and push-back of gRPC, from any client library.

use std::time::Duration;

use crate::axes::RetryAdvice;
use crate::class::Class;
use crate::kind::Kind;

impl Class {
    /// Returns the class of a gRPC status code that a client receives: the kind of that number, and [`Kind::Unknown`] for 0 (a
    /// success has no class) and for numbers that gRPC does not have. RESOURCE_EXHAUSTED counts as a throttle in a circuit
    /// breaker.
    ///
    /// ```
    /// use buttress_error::{Class, Kind};
    ///
    /// assert_eq!(Class::of_grpc(14).kind, Kind::Unavailable);
    /// ```
    #[must_use]
    pub fn of_grpc(code: u8) -> Self {
        let canonical = Kind::ALL.into_iter().find(|kind| kind.number() == code && code <= 16);
        match canonical {
            Some(Kind::ResourceExhausted) => Self::exhausted_elsewhere(),
            Some(kind) => Self::new(kind),
            None => Self::new(Kind::Unknown),
        }
    }

    /// The same, with the value of `grpc-retry-pushback-ms`: an exact delay in milliseconds. A negative or invalid value
    /// forbids the retry
    /// ([A6](https://github.com/grpc/proposal/blob/master/A6-client-retries.md#pushback)).
    #[must_use]
    pub fn push_back(self, millis: &str) -> Self {
        let millis = millis.trim();
        // `parse` would accept a sign.
        let digits = millis.bytes().all(|byte| byte.is_ascii_digit());
        match millis.parse::<u32>() {
            Ok(millis) if digits => self.asked_to_wait(Duration::from_millis(millis.into())),
            _ => self.retry(RetryAdvice::Never),
        }
    }

    /// Adds the wait of a push-back or of a `google.rpc.RetryInfo`, unless the class has a longer one. An exhausted quota
    /// with a wait is a throttle: [`Kind::ResourceExhausted`] becomes [`Kind::Throttled`], with the same reason.
    ///
    /// ```
    /// use std::time::Duration;
    /// use buttress_error::{Class, Kind};
    ///
    /// let class = Class::of_grpc(8).asked_to_wait(Duration::from_secs(1));
    /// assert_eq!(class, Class::new(Kind::Throttled).retry_after(Duration::from_secs(1)));
    /// ```
    #[must_use]
    pub fn asked_to_wait(self, wait: Duration) -> Self {
        let wait = self.retry_after.map_or(wait, |known| known.max(wait));
        if self.kind != Kind::ResourceExhausted {
            return self.retry_after(wait);
        }
        let throttled = Self::new(Kind::Throttled).retry_after(wait);
        Self {
            reason: self.reason,
            domain: self.domain,
            exhausted: self.exhausted,
            dependency: self.dependency,
            public: self.public,
            ..throttled
        }
    }

    /// Adds the delay of the `google.rpc.RetryInfo` among the details of a status, as [`asked_to_wait`](Self::asked_to_wait)
    /// does. `details` is a serialized `google.rpc.Status`: the bytes of `grpc-status-details-bin`. The class is unchanged
    /// if there is no such message, or its delay is negative.
    #[must_use]
    pub fn retry_info(self, details: &[u8]) -> Self {
        super::retry_info::delay(details).map_or(self, |wait| self.asked_to_wait(wait))
    }
}
