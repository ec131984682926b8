//! The delay in a `google.rpc.RetryInfo`, decoded without a protobuf library.

use std::time::Duration;

/// Returns the delay of the `google.rpc.RetryInfo` in a serialized
/// [`google.rpc.Status`](https://github.com/googleapis/googleapis/blob/master/google/rpc/status.proto); `None` if
/// there is none, if it is negative, or if the bytes are not a valid message.
pub(super) fn delay(status: &[u8]) -> Option<Duration> {
    // Status { repeated Any details = 3 }
    Fields(status).filter_map(|(number, value)| value.bytes().filter(|_| number == 3)).find_map(of_any)
}

/// `Any { type_url = 1, value = 2 }` of `RetryInfo { Duration retry_delay = 1 }`.
fn of_any(any: &[u8]) -> Option<Duration> {
    let url = field(any, 1)?.bytes()?;
    if !url.ends_with(b"/google.rpc.RetryInfo") {
        return None;
    }
    let delay = field(field(any, 2)?.bytes()?, 1)?.bytes()?;
    // Duration { int64 seconds = 1; int32 nanos = 2 }. Zero is omitted.
    let number = |at| field(delay, at).map_or(Some(0), Value::number);
    let nanos = u32::try_from(number(2)?).ok().filter(|nanos| *nanos < 1_000_000_000)?;
    // The highest bit of a negative number is set.
    let seconds = number(1).filter(|seconds| i64::try_from(*seconds).is_ok())?;
    Some(Duration::new(seconds, nanos))
}

/// Returns the last field with this number: protobuf's rule for a field that occurs twice.
fn field(message: &[u8], number: u64) -> Option<Value<'_>> {
    Fields(message).filter(|field| field.0 == number).last().map(|field| field.1)
}

#[derive(Clone, Copy)]
enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> {
    const fn number(self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(number),
            Self::Bytes(_) => None,
        }
    }

    const fn bytes(self) -> Option<&'a [u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::Number(_) => None,
        }
    }
}

/// Iterates over the fields of a message with their numbers, up to its end or the first invalid byte
/// ([encoding](https://protobuf.dev/programming-guides/encoding/)).
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (u64, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => Value::Number(self.varint()?),
            1 => Value::Bytes(self.take(8)?),
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Value::Bytes(self.take(length)?)
            }
            5 => Value::Bytes(self.take(4)?),
            _ => return None,
        };
        Some((tag >> 3, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Encodes a field of bytes.
    fn bytes(number: u8, value: &[u8]) -> Vec<u8> {
        [&[number << 3 | 2, u8::try_from(value.len()).unwrap()], value].concat()
    }

    fn status(url: &str, delay: &[u8]) -> Vec<u8> {
        let any = [bytes(1, url.as_bytes()), bytes(2, &bytes(1, delay))].concat();
        // code = 8, message = "full", another detail, then ours.
        [vec![8, 8], bytes(2, b"full"), bytes(3, &bytes(1, b"other")), bytes(3, &any)].concat()
    }

    const URL: &str = "type.googleapis.com/google.rpc.RetryInfo";

    #[test]
    fn reads_seconds_and_nanos() {
        assert_eq!(delay(&status(URL, &[8, 0xac, 0x02])), Some(Duration::from_secs(300)));
        assert_eq!(delay(&status(URL, &[8, 1, 16, 1])), Some(Duration::new(1, 1)));
        assert_eq!(delay(&status(URL, &[])), Some(Duration::ZERO));
    }

    #[test]
    fn anything_else_is_none() {
        assert_eq!(delay(&status("type.googleapis.com/google.rpc.Help", &[8, 1])), None);
        let negative = [&[8][..], &[0xff; 9], &[1]].concat();
        assert_eq!(delay(&status(URL, &negative)), None);
        assert_eq!(delay(b""), None);
        let whole = status(URL, &[8, 1, 16, 1]);
        for end in 0..whole.len() {
            assert_eq!(delay(&whole[..end]), None, "{end} bytes");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(details: Vec<u8>) {
            let _ = delay(&details);
        }
    }
}
