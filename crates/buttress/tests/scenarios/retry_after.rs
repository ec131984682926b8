//! `retry_after.json`: what a server asks for.

use std::time::{Duration, SystemTime};

use ::http::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use serde::Deserialize;

use crate::api::retry_after;
use crate::suite::{Area, Outcome, nullable, same, words};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    values: Vec<String>,
    now: String,
    max_ms: Option<u64>,
    expect: Expect,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    #[serde(deserialize_with = "nullable")]
    delay_ms: Option<u64>,
}

impl Area for Case {
    const NAME: &'static str = "retry_after";

    fn run(self) -> Outcome {
        let mut headers = HeaderMap::new();
        for value in &self.values {
            headers.append(RETRY_AFTER, HeaderValue::from_str(value).map_err(words)?);
        }
        let now = instant(&self.now).ok_or_else(|| format!("{:?} is no time in UTC", self.now))?;
        let max = self.max_ms.map_or(Duration::MAX, Duration::from_millis);
        let expected = self.expect.delay_ms.map(Duration::from_millis);
        same("delay", &expected, &retry_after(&headers, now, max))
    }
}

/// The time of `2019-06-03T11:00:00Z`, by way of a date that HTTP knows.
fn instant(text: &str) -> Option<SystemTime> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let mut parts = date.splitn(3, '-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let month = MONTHS.get(month.parse::<usize>().ok()?.checked_sub(1)?)?;
    // One of the seven is the right one; a date with another is refused.
    ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"].iter().find_map(|weekday| {
        httpdate::parse_http_date(&format!("{weekday}, {day} {month} {year} {time} GMT")).ok()
    })
}
