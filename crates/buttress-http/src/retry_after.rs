//! Reads `Retry-After`.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, header};

/// Returns how long a server asks to wait: the `Retry-After` header of [RFC 9110, section
/// 10.2.3](https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3), at most `max`.
///
/// Only the first field counts. It is a number of seconds in digits, or a date in one of HTTP's three forms. A date is
/// relative to the response's own `Date`, so that neither clock has to be right; a past date is zero. It is relative to `now`
/// if the response has no valid `Date`, or has an `Age` because it comes from a cache. A number that is too large is `max`.
/// Returns `None` if there is no such header, or if it has any other form.
///
/// The header has no meaning with some statuses, such as 301; the caller decides whether to read it.
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
    let wait = seconds(text).or_else(|| date(text, headers, now))?;
    Some(wait.min(max))
}

fn seconds(text: &str) -> Option<Duration> {
    // `parse` accepts a sign. After this check it fails only for a number that is too large.
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| Duration::from_secs(text.parse().unwrap_or(u64::MAX)))
}

fn date(text: &str, headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let then = httpdate::parse_http_date(text).ok()?;
    let from = if headers.contains_key(header::AGE) { now } else { sent_at(headers).unwrap_or(now) };
    Some(then.duration_since(from).unwrap_or_default())
}

/// Returns the time of the response by the server's clock.
fn sent_at(headers: &HeaderMap) -> Option<SystemTime> {
    let text = headers.get(header::DATE)?.to_str().ok()?;
    httpdate::parse_http_date(text.trim_matches([' ', '\t'])).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use proptest::prelude::*;

    proptest! {
        /// [S10] Whatever a server sends, the wait is at most the cap, and nothing panics.
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

    /// Reads a wait of 30 s of a server whose clock differs from ours.
    fn dated(now: &str, more: &[(header::HeaderName, &str)]) -> Option<Duration> {
        let at = |time: &str| httpdate::parse_http_date(&format!("Sun, 06 Nov 1994 {time} GMT")).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("Sun, 06 Nov 1994 08:50:30 GMT"));
        for (name, value) in more {
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        retry_after(&headers, at(now), Duration::from_secs(3_600))
    }

    const SENT: (header::HeaderName, &str) = (header::DATE, "Sun, 06 Nov 1994 08:50:00 GMT");

    /// [S10] The wait is the same whether the server's clock is 20 s slow or fast.
    #[test]
    fn a_date_is_relative_to_the_date_of_the_response() {
        for ours in ["08:50:00", "08:50:20", "08:51:00", "08:49:40", "09:50:00", "00:00:00"] {
            assert_eq!(dated(ours, &[SENT]), Some(Duration::from_secs(30)), "{ours}");
        }
        let other_forms = ["Sunday, 06-Nov-94 08:50:00 GMT", "Sun Nov  6 08:50:00 1994"];
        for sent in other_forms {
            assert_eq!(dated("08:51:00", &[(header::DATE, sent)]), Some(Duration::from_secs(30)), "{sent}");
        }
        let past = (header::DATE, "Sun, 06 Nov 1994 08:51:00 GMT");
        assert_eq!(dated("08:50:00", &[past]), Some(Duration::ZERO), "by the server's clock it is over");
    }

    /// [S10] A response from a cache, or without a date, is measured with the local clock.
    #[test]
    fn a_date_is_relative_to_now_with_an_age_or_without_a_date() {
        let age = (header::AGE, "20");
        let unreadable = (header::DATE, "yesterday");
        let twice = [unreadable.clone(), SENT];
        for more in [&[SENT, age][..], &[SENT, (header::AGE, "x")], &[unreadable], &[], &twice] {
            assert_eq!(dated("08:50:20", more), Some(Duration::from_secs(10)), "{more:?}");
            assert_eq!(dated("08:51:00", more), Some(Duration::ZERO), "{more:?}");
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
