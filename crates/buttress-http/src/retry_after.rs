//! `Retry-After`: a number of seconds or a date.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, header};

/// How long a server asks to wait: the `Retry-After` header of [RFC 9110, section
/// 10.2.3](https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3), at most `max`.
///
/// Only the first field counts. It is a number of digits, or one of the three date forms of HTTP, read against `now`: a
/// past date is zero. A number that is too large is `max`. None for anything else, and where there is no such header.
///
/// The header means something in answers 429 and 503 only; asking for it there is the caller's part.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use http::{HeaderMap, HeaderValue, header::RETRY_AFTER};
///
/// let mut headers = HeaderMap::new();
/// headers.insert(RETRY_AFTER, HeaderValue::from_static("120"));
/// let wait = buttress_http::retry_after(&headers, SystemTime::now(), Duration::from_secs(60));
/// assert_eq!(wait, Some(Duration::from_secs(60)));
/// ```
#[must_use]
pub fn retry_after(headers: &HeaderMap, now: SystemTime, max: Duration) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim_matches([' ', '\t']);
    let wait = seconds(text).or_else(|| date(text, now))?;
    Some(wait.min(max))
}

fn seconds(text: &str) -> Option<Duration> {
    // `parse` would take a sign. What is left to fail is too large.
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| Duration::from_secs(text.parse().unwrap_or(u64::MAX)))
}

fn date(text: &str, now: SystemTime) -> Option<Duration> {
    let then = httpdate::parse_http_date(text).ok()?;
    Some(then.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use proptest::prelude::*;

    proptest! {
        /// [S10] whatever a server writes, the wait is at most the cap, and nothing panics.
        #[test]
        fn any_header_gives_at_most_the_cap(value in "[ -~]{0,40}|[0-9]{1,40}", cap in 0..=u64::MAX) {
            let headers = HeaderMap::from_iter([(header::RETRY_AFTER, HeaderValue::from_str(&value).unwrap())]);
            let cap = Duration::from_secs(cap);
            let wait = retry_after(&headers, SystemTime::UNIX_EPOCH, cap);
            prop_assert!(wait.is_none_or(|wait| wait <= cap));
            if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
                prop_assert!(wait.is_some());
            }
        }
    }

    #[test]
    fn only_the_first_field_counts() {
        let mut headers = HeaderMap::new();
        headers.append(header::RETRY_AFTER, HeaderValue::from_static("7"));
        headers.append(header::RETRY_AFTER, HeaderValue::from_static("9"));
        let read = |headers: &HeaderMap| retry_after(headers, SystemTime::now(), Duration::MAX);
        assert_eq!(read(&headers), Some(Duration::from_secs(7)));

        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("soon"));
        headers.append(header::RETRY_AFTER, HeaderValue::from_static("9"));
        assert_eq!(read(&headers), None);
    }
}
