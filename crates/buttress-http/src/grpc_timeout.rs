//! `GrpcTimeout`: the deadline header of gRPC.

use std::fmt;
use std::io::Write;
use std::str::FromStr;
use std::time::Duration;

use http::{HeaderName, HeaderValue};

/// The time that a gRPC call has left: the value of the header `grpc-timeout`, by
/// [gRPC over HTTP/2](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests).
///
/// It is at most eight digits and one of the units `H`, `M`, `S`, `m`, `u` and `n` (hours, minutes, seconds, milli-, micro-
/// and nanoseconds), without a sign or a space. It is written in the finest unit that fits, rounded down so that a deadline
/// never grows, and at most as 99999999 hours. gRPC has no timeout of zero, and some servers refuse one: zero is accepted
/// when read, since other clients send it, and written as one nanosecond.
///
/// [`HttpLayer`](crate::HttpLayer) sends it to the [origins that are listed](crate::HttpLayer::send_deadline_to), and refuses
/// a call to them whose deadline has passed.
///
/// ```
/// use std::time::Duration;
/// use buttress_http::GrpcTimeout;
///
/// # fn main() -> Result<(), buttress_http::InvalidGrpcTimeout> {
/// let left: GrpcTimeout = "250m".parse()?;
/// assert_eq!(left.duration(), Duration::from_millis(250));
/// assert_eq!(GrpcTimeout::new(Duration::from_millis(1500)).to_string(), "1500000u");
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GrpcTimeout(Duration);

/// The units, finest first, in nanoseconds.
const UNITS: [(char, u128); 6] = [
    ('n', 1),
    ('u', 1_000),
    ('m', 1_000_000),
    ('S', 1_000_000_000),
    ('M', 60 * 1_000_000_000),
    ('H', 3_600 * 1_000_000_000),
];

/// The largest number of eight digits.
const MAX: u128 = 99_999_999;

impl GrpcTimeout {
    /// The name of the header.
    pub const HEADER: HeaderName = HeaderName::from_static("grpc-timeout");

    /// Creates the value for a call that has this time left.
    #[must_use]
    pub const fn new(left: Duration) -> Self {
        Self(left)
    }

    /// Returns the time.
    #[must_use]
    pub const fn duration(self) -> Duration {
        self.0
    }
}

impl FromStr for GrpcTimeout {
    type Err = InvalidGrpcTimeout;

    fn from_str(text: &str) -> Result<Self, InvalidGrpcTimeout> {
        let read = || {
            let (unit, nanos) = UNITS.into_iter().find(|(unit, _)| text.ends_with(*unit))?;
            let digits = text.strip_suffix(unit)?;
            // `parse` accepts a sign.
            let strict = (1..=8).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
            let count: u128 = digits.parse().ok().filter(|_| strict)?;
            let (seconds, rest) = (count * nanos / 1_000_000_000, count * nanos % 1_000_000_000);
            Some(Duration::new(seconds.try_into().ok()?, rest.try_into().ok()?))
        };
        read().map(Self).ok_or(InvalidGrpcTimeout)
    }
}

impl fmt::Display for GrpcTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos().max(1);
        let [.., hours] = UNITS;
        let (unit, size) = UNITS.into_iter().find(|(_, size)| nanos / size <= MAX).unwrap_or(hours);
        write!(f, "{}{unit}", (nanos / size).min(MAX))
    }
}

impl From<GrpcTimeout> for HeaderValue {
    fn from(timeout: GrpcTimeout) -> Self {
        let mut buffer = [0; 9];
        let mut rest = &mut buffer[..];
        write!(rest, "{timeout}").expect("at most eight digits and a unit");
        let unused = rest.len();
        Self::from_bytes(&buffer[..buffer.len() - unused]).expect("digits and a letter are visible ASCII")
    }
}

/// A text that is not a timeout of gRPC: see [`GrpcTimeout`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidGrpcTimeout;

impl fmt::Display for InvalidGrpcTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a gRPC timeout is 1 to 8 digits and one of the units H, M, S, m, u, n")
    }
}

impl std::error::Error for InvalidGrpcTimeout {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// [S28] A deadline never grows when it is sent, and loses less than one part in 100 000.
        #[test]
        fn what_is_written_is_read_and_no_longer(seconds in 0..360_000_000_000_u64, nanos in 0..1_000_000_000_u32) {
            let left = Duration::new(seconds >> (nanos % 40), nanos).max(Duration::from_nanos(1));
            let text = GrpcTimeout::new(left).to_string();
            let read = text.parse::<GrpcTimeout>().unwrap().duration();
            prop_assert!(read <= left, "{text}");
            prop_assert!(left.as_nanos() - read.as_nanos() <= left.as_nanos() / 100_000, "{text}: less than six digits");
        }

        #[test]
        fn refuses_any_other_text(text in "[ -~]{0,12}|[+ -]?[0-9]{0,10}[HMSmun ]{0,2}") {
            let bytes = text.as_bytes();
            let good = (2..=9).contains(&bytes.len())
                && bytes[..bytes.len() - 1].iter().all(u8::is_ascii_digit)
                && b"HMSmun".contains(&bytes[bytes.len() - 1]);
            prop_assert_eq!(text.parse::<GrpcTimeout>().is_ok(), good);
        }
    }

    #[test]
    fn writes_the_extremes() {
        let text = |left| GrpcTimeout::new(left).to_string();
        assert_eq!(text(Duration::ZERO), "1n");
        assert_eq!("0n".parse(), Ok(GrpcTimeout::new(Duration::ZERO)));
        assert_eq!(text(Duration::MAX), "99999999H");
        assert_eq!(text(Duration::from_nanos(99_999_999)), "99999999n");
        assert_eq!(text(Duration::from_nanos(100_000_000)), "100000u");
        for text in ["", "H", "5", "5ü", "٣S"] {
            assert_eq!(text.parse::<GrpcTimeout>(), Err(InvalidGrpcTimeout), "{text}");
        }
    }
}
