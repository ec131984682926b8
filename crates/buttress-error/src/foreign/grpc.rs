//! gRPC's status codes and push-back, whoever received them.

use std::time::Duration;

use crate::{Class, Kind, Retry};

impl Class {
    /// What a gRPC status code means to the client: the kind of that number, and [`Kind::Unknown`] for 0 (a success has
    /// no class) and for numbers that gRPC does not have.
    ///
    /// ```
    /// use buttress_error::{Class, Kind};
    ///
    /// assert_eq!(Class::of_grpc(14).kind, Kind::Unavailable);
    /// ```
    #[must_use]
    pub fn of_grpc(code: u8) -> Self {
        let canonical = Kind::ALL.into_iter().find(|kind| kind.number() == code && code <= 16);
        Self::new(canonical.unwrap_or(Kind::Unknown))
    }

    /// The same, with what the server says in `grpc-retry-pushback-ms`: an exact delay in milliseconds; negative or
    /// unreadable forbids the retry
    /// ([A6](https://github.com/grpc/proposal/blob/master/A6-client-retries.md#pushback)).
    #[must_use]
    pub fn push_back(self, millis: &str) -> Self {
        let millis = millis.trim();
        // `parse` would take a sign.
        let digits = millis.bytes().all(|byte| byte.is_ascii_digit());
        match millis.parse::<u32>() {
            Ok(millis) if digits => self.asked_to_wait(Duration::from_millis(millis.into())),
            _ => self.retry(Retry::Never),
        }
    }

    /// A quota that says when it is there again is a throttle.
    fn asked_to_wait(self, wait: Duration) -> Self {
        match self.kind {
            Kind::ResourceExhausted => Self::new(Kind::Throttled),
            _ => self,
        }
        .retry_after(wait)
    }

    /// With the `RetryInfo` in the details of a status, where there is one.
    #[cfg(feature = "tonic")]
    pub(super) fn retry_info(self, details: &[u8]) -> Self {
        super::retry_info::delay(details).map_or(self, |wait| self.asked_to_wait(wait))
    }
}
