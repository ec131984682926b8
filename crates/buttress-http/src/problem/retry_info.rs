//! `google.rpc.RetryInfo` in a JSON body: how long a server asks to wait.

use std::time::Duration;

use serde_json::Value;

/// Details that are looked at.
const MAX_DETAILS: usize = 64;

/// The longest delay of the `RetryInfo`s among the details of a
/// [`google.rpc.Status`](https://google.aip.dev/193#http11json-representation). None where there is none, or where none can be
/// read: an unreadable or negative delay asks for nothing.
pub(super) fn delay(status: &Value) -> Option<Duration> {
    let details = status.get("details")?;
    let details = details.as_array().map_or(std::slice::from_ref(details), Vec::as_slice);
    details.iter().take(MAX_DETAILS).filter(|detail| is_retry_info(detail)).filter_map(of_detail).max()
}

/// By its type: `type.googleapis.com/google.rpc.RetryInfo`, or the name alone as in Connect.
fn is_retry_info(detail: &Value) -> bool {
    let name = ["@type", "type"].iter().find_map(|member| detail.get(member)?.as_str());
    name.is_some_and(|name| name.rsplit('/').next() == Some("google.rpc.RetryInfo"))
}

/// The field has two names in JSON. Connect shows the message in `debug`.
fn of_detail(detail: &Value) -> Option<Duration> {
    let field = |message: &Value| {
        let delay = message.get("retryDelay").or_else(|| message.get("retry_delay"))?;
        of_text(delay).or_else(|| of_object(delay))
    };
    field(detail).or_else(|| field(detail.get("debug")?))
}

/// A `google.protobuf.Duration` as JSON has it: `1.5s`.
fn of_text(delay: &Value) -> Option<Duration> {
    let seconds = delay.as_str()?.strip_suffix('s')?;
    let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    // `parse` would take a sign.
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let nanos = fraction.bytes().chain(std::iter::repeat(b'0')).take(9);
    let nanos = nanos.fold(0, |nanos, digit| nanos * 10 + u32::from(digit - b'0'));
    // What is left to fail is too large.
    Some(Duration::new(whole.parse().unwrap_or(u64::MAX), nanos))
}

/// The same as an object, which some servers write: `{"seconds": "1", "nanos": 500000000}`.
fn of_object(delay: &Value) -> Option<Duration> {
    let member = |name: &str| match delay.as_object()?.get(name) {
        None => Some(0),
        Some(Value::String(digits)) => digits.parse::<i64>().ok(),
        Some(number) => number.as_i64(),
    };
    let nanos = u32::try_from(member("nanos")?).ok().filter(|nanos| *nanos < 1_000_000_000)?;
    Some(Duration::new(u64::try_from(member("seconds")?).ok()?, nanos))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn read(delay: &Value) -> Option<Duration> {
        let info = json!({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay});
        super::delay(&json!({"details": [{"@type": "type.googleapis.com/google.rpc.Help"}, info]}))
    }

    #[test]
    fn reads_every_form_of_a_duration() {
        let ms = Duration::from_millis;
        for (delay, wait) in [
            (json!("0.4s"), ms(400)),
            (json!("1s"), ms(1_000)),
            (json!("1.5s"), ms(1_500)),
            (json!("0s"), ms(0)),
            (json!("3.000000001s"), Duration::new(3, 1)),
            (json!("3.0000000019s"), Duration::new(3, 1)),
            (json!("99999999999999999999999s"), Duration::new(u64::MAX, 0)),
            (json!({"seconds": 2, "nanos": 5}), Duration::new(2, 5)),
            (json!({"seconds": "2"}), ms(2_000)),
            (json!({"nanos": 400_000_000}), ms(400)),
            (json!({}), ms(0)),
        ] {
            assert_eq!(read(&delay), Some(wait), "{delay}");
        }
    }

    #[test]
    fn what_cannot_be_read_asks_for_nothing() {
        let texts =
            ["", "s", "-1s", "-0.5s", "+1s", "1", "1ms", ".5s", "1.s", "1e3s", " 1s", "1.5.5s", "soon"];
        for delay in texts.map(Value::from).into_iter().chain([
            json!(1.5),
            json!(null),
            json!(["1s"]),
            json!({"seconds": -1}),
            json!({"nanos": -1}),
            json!({"nanos": 1_000_000_000}),
            json!({"seconds": "one"}),
            json!({"seconds": 1.5}),
        ]) {
            assert_eq!(read(&delay), None, "{delay}");
        }
    }

    #[test]
    fn only_a_retry_info_counts() {
        let info = |member: &str, name: &str| json!({"details": [{member: name, "retryDelay": "1s"}]});
        let wait = Some(Duration::from_secs(1));
        assert_eq!(delay(&info("@type", "type.googleapis.com/google.rpc.RetryInfo")), wait);
        assert_eq!(delay(&info("@type", "example.com/google.rpc.RetryInfo")), wait);
        assert_eq!(delay(&info("type", "google.rpc.RetryInfo")), wait);
        assert_eq!(delay(&info("@type", "type.googleapis.com/google.rpc.QuotaFailure")), None);
        assert_eq!(delay(&info("@type", "type.googleapis.com/my.google.rpc.RetryInfo")), None);
        assert_eq!(delay(&info("kind", "google.rpc.RetryInfo")), None);
        let one = json!({"details": {"@type": "google.rpc.RetryInfo", "retry_delay": "1s"}});
        assert_eq!(delay(&one), wait, "a single one, in the names of the message");
        let connect = json!({"details": [{"type": "google.rpc.RetryInfo", "debug": {"retryDelay": "1s"}}]});
        assert_eq!(delay(&connect), wait);
        let two = json!({"details": [{"type": "google.rpc.RetryInfo", "retryDelay": "1s"},
            {"type": "google.rpc.RetryInfo", "retryDelay": "2s"}]});
        assert_eq!(delay(&two), Some(Duration::from_secs(2)), "it is a minimum");
        assert_eq!(delay(&json!({"details": []})), None);
        assert_eq!(delay(&json!([])), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "[-+0-9.es]{0,24}|.{0,12}") {
            let _ = read(&Value::from(text));
        }
    }
}
