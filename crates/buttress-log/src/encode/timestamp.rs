//! The timestamp of a line: RFC 3339, UTC, microseconds.

use std::cell::Cell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// `2026-01-15T03:00:12.345678Z` is 27 bytes.
const LEN: usize = 27;
/// The last second of the year 9999: four digits are all that RFC 3339 has.
const MAX_SECOND: u64 = 253_402_300_799;

thread_local! {
    /// The last second that this thread wrote, with its text: the date is computed once a second.
    static LAST: Cell<(u64, [u8; LEN])> = const { Cell::new((u64::MAX, [0; LEN])) };
}

/// Appends the wall clock's time. A clock set before 1970 gives the start of 1970.
pub(crate) fn append_now(out: &mut Vec<u8>) {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    out.extend_from_slice(&cached(since_epoch));
}

/// The time to the second, as `2026-01-15T03:00:12`. A time before 1970 is the start of 1970.
pub(crate) fn to_seconds(time: SystemTime) -> String {
    let since_epoch = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let text = format(since_epoch.as_secs().min(MAX_SECOND));
    text[..19].iter().map(|byte| char::from(*byte)).collect()
}

fn cached(since_epoch: Duration) -> [u8; LEN] {
    let second = since_epoch.as_secs().min(MAX_SECOND);
    let mut text = match LAST.get() {
        (last, text) if last == second => text,
        _ => {
            let text = format(second);
            LAST.set((second, text));
            text
        }
    };
    digits(&mut text[20..26], since_epoch.subsec_micros());
    text
}

fn format(second: u64) -> [u8; LEN] {
    let mut text = *b"0000-00-00T00:00:00.000000Z";
    let (year, month, day) = date(second / 86_400);
    let in_day = (second % 86_400) as u32;
    digits(&mut text[0..4], year);
    digits(&mut text[5..7], month);
    digits(&mut text[8..10], day);
    digits(&mut text[11..13], in_day / 3_600);
    digits(&mut text[14..16], in_day / 60 % 60);
    digits(&mut text[17..19], in_day % 60);
    text
}

fn digits(out: &mut [u8], mut value: u32) {
    for digit in out.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

/// Year, month and day of the day that is `days` after 1970-01-01.
///
/// This is `civil_from_days` of Howard Hinnant's
/// [chrono-compatible algorithms](https://howardhinnant.github.io/date_algorithms.html): years begin in March, so that the leap
/// day is the last day of its year, and the calendar repeats every 400 years.
fn date(days: u64) -> (u32, u32, u32) {
    let days = days + 719_468; // from 0000-03-01
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153; // 0 is March
    let day = day - (153 * month + 2) / 5 + 1;
    let year = year + era * 400 + u64::from(month >= 10);
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year as u32, month as u32, day as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_instants() {
        for (seconds, micros, text) in [
            (0, 0, "1970-01-01T00:00:00.000000Z"),
            (951_782_399, 999_999, "2000-02-28T23:59:59.999999Z"),
            (951_782_400, 1, "2000-02-29T00:00:00.000001Z"),
            (1_768_446_012, 345_678, "2026-01-15T03:00:12.345678Z"),
            (4_107_542_400, 0, "2100-03-01T00:00:00.000000Z"),
            (MAX_SECOND, 0, "9999-12-31T23:59:59.000000Z"),
            (u64::MAX, 0, "9999-12-31T23:59:59.000000Z"),
        ] {
            let time = cached(Duration::new(seconds, micros * 1_000));
            assert_eq!(std::str::from_utf8(&time).unwrap(), text);
        }
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let (mut year, mut month, mut day) = (1970, 1, 1);
        for number in 0..200_000 {
            assert_eq!(date(number), (year, month, day));
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let length = match month {
                2 if leap => 29,
                2 => 28,
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            day += 1;
            if day > length {
                (month, day) = (month + 1, 1);
            }
            if month > 12 {
                (year, month) = (year + 1, 1);
            }
        }
    }

    #[test]
    fn the_cache_follows_the_clock_both_ways() {
        for second in [5, 6, 5] {
            assert_eq!(cached(Duration::from_secs(second))[18], b'0' + second as u8);
        }
    }
}
